import { Check } from 'typebox/schema'
import { ClientError } from './client-error.ts'
import { Problem, ProblemError, problemCodeOf } from './problem.ts'
import type { WebPlatform, WebResponse } from './web-platform.ts'

/** @throws {ClientError} `HUB_ANSWER` when it is longer than `most` bytes, or no text */
export async function textOf(response: WebResponse, platform: WebPlatform, most: number): Promise<string> {
  if (response.body === null) return ''
  const decoder = platform.textDecoder()
  const reader = response.body.getReader()
  let text = ''
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoded(decoder)
    if (value === undefined) continue
    bytes += value.length
    if (bytes > most) {
      await reader.cancel()
      throw new ClientError('HUB_ANSWER', `Cannot use the answer: it is larger than ${most >> 20} MiB. Is it a Shoal hub?`)
    }
    text += decoded(decoder, value)
  }
}

function decoded(decoder: ReturnType<WebPlatform['textDecoder']>, bytes?: Uint8Array): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
  } catch (cause) {
    throw new ClientError('HUB_ANSWER', 'Cannot use the answer: it is not UTF-8. Is it a Shoal hub?', { cause })
  }
}

/** undefined for what is no JSON: no schema of ours takes it. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The refusal that a hub sent; undefined when it is none. */
export function problemIn(text: string, contentType: string): ProblemError | undefined {
  const problem = contentType.includes('json') ? parseJson(text) : undefined
  return Check(Problem, problem) ? problemError(problem as Problem) : undefined
}

function problemError({ code, status, detail, errors, retryAfterSeconds, choices }: Problem): ProblemError {
  return new ProblemError(problemCodeOf(code, status), detail, {
    ...(errors === undefined ? {} : { errors }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(choices === undefined ? {} : { choices }),
  })
}
