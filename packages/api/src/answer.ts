import { Check } from 'typebox/schema'
import { ClientError } from './client-error.ts'
import { Problem, ProblemError, problemCodeOf } from './problem.ts'
import type { WebPlatform, WebResponse } from './web-platform.ts'

/** @throws {ClientError} `HUB_ANSWER` when it is longer than `most` bytes, or no text */
export async function textOf(response: WebResponse, platform: WebPlatform, most: number): Promise<string> {
  return decodedText(await bytesOf(response, most), platform)
}

/** @throws {ClientError} `HUB_ANSWER` when it is longer than `most` bytes */
export async function bytesOf(response: WebResponse, most: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array(0)
  const reader = response.body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concatBytes(chunks, length)
    if (value === undefined) continue
    length += value.length
    if (length > most) {
      await reader.cancel()
      throw new ClientError('HUB_ANSWER', `Cannot use the answer: it is larger than ${most >> 20} MiB. Is it a Shoal hub?`)
    }
    chunks.push(value)
  }
}

/** @throws {ClientError} `HUB_ANSWER` when it is no text */
export function decodedText(bytes: Uint8Array, platform: WebPlatform): string {
  try {
    return platform.textDecoder().decode(bytes)
  } catch (cause) {
    throw new ClientError('HUB_ANSWER', 'Cannot use the answer: it is not UTF-8. Is it a Shoal hub?', { cause })
  }
}

function concatBytes(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
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
