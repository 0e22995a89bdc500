import { ProblemError } from '@shoal/api/problem'
import type { DoorWords } from './door-words.ts'

/** Whatever was thrown as something that may be told: what is no refusal says nothing of its inside. */
export function asProblem(thrown: unknown, words: DoorWords): ProblemError {
  if (thrown instanceof ProblemError) return thrown
  const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
  if (/^FST_(?:ERR_CTP_BODY_TOO_LARGE|REQ_FILE_TOO_LARGE|FILES_LIMIT|FIELDS_LIMIT|PARTS_LIMIT)$/.test(code)) {
    return new ProblemError('TOO_LARGE', 'Cannot take this body: it is larger than this call allows')
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new ProblemError('UNSUPPORTED_TYPE', 'Cannot read a body of this type: send JSON')
  if (code.startsWith('FST_') && thrown instanceof Error && 'statusCode' in thrown && thrown.statusCode !== 500) {
    return new ProblemError('MALFORMED', 'Cannot read this request')
  }
  // The client has gone in the middle of its request: it reads no answer.
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') return new ProblemError('MALFORMED', 'The request ended early')
  return new ProblemError('BUG', `Something went wrong inside the ${words.name}, not in this request. ${words.log}`)
}

/** What a refusal says besides its body. */
export function problemHeaders(error: ProblemError, words: DoorWords): [string, string][] {
  const headers: [string, string][] = []
  if (error.status === 401) headers.push(['www-authenticate', `Bearer realm="${words.name}"`])
  if (error.extras.retryAfterSeconds !== undefined) headers.push(['retry-after', `${error.extras.retryAfterSeconds}`])
  return headers
}
