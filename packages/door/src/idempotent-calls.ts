import { createHash } from 'node:crypto'
import { ProblemError } from '@shoal/api/problem'
import type { DoorSystem } from './system.ts'

/** An answer as it is kept. */
export interface KeptAnswer {
  readonly status: number
  /** JSON, or nothing. */
  readonly body: string
}

/** Where answers are kept: the table `idempotent_calls`. */
export interface IdempotentCallStore {
  find(id: string): Promise<(KeptAnswer & { readonly requestHash: string }) | undefined>
  keep(id: string, requestHash: string, answer: KeptAnswer, at: number): Promise<void>
  forgetBefore(at: number): Promise<void>
}

export const KEEP_ANSWERS_MS: number = 24 * 3_600_000
const MAX_KEY_CHARACTERS = 200

export interface IdempotentCall {
  /** Whose key it is: keys of two callers have nothing to do with each other. */
  readonly caller: string
  /** From the header `Idempotency-Key`. */
  readonly key: string
  /** All that makes the request what it is. */
  readonly request: string
}

/**
 * Runs a write once, however often it is sent: a client that got no answer sends it again with the same key, and gets the
 * answer of the first. Refusals are kept like successes; what fails for a reason that may pass (5xx, 429) is not, and runs
 * anew. A crash between the write and the keeping of its answer lets the second one run: it meets what the first has made.
 */
export class IdempotentCalls {
  readonly #store: IdempotentCallStore
  readonly #system: DoorSystem
  readonly #running = new Map<string, { readonly requestHash: string; readonly answer: Promise<KeptAnswer> }>()

  constructor(store: IdempotentCallStore, system: DoorSystem) {
    this.#store = store
    this.#system = system
  }

  /** @throws {ProblemError} `IDEMPOTENCY_MISMATCH`, `VALIDATION` */
  async once(call: IdempotentCall, run: () => Promise<KeptAnswer>): Promise<{ answer: KeptAnswer; isRepeated: boolean }> {
    if (!/^[\x21-\x7e]+$/.test(call.key) || call.key.length > MAX_KEY_CHARACTERS) {
      throw new ProblemError('VALIDATION', `Cannot use this Idempotency-Key: it is 1 to ${MAX_KEY_CHARACTERS} visible ASCII characters`)
    }
    const id = sha256(`${call.caller}\n${call.key}`)
    const requestHash = sha256(call.request)
    const running = this.#running.get(id)
    if (running !== undefined) {
      requireSame(running.requestHash, requestHash)
      return { answer: await running.answer, isRepeated: true }
    }
    let isRepeated = false
    const answer = (async () => {
      const kept = await this.#store.find(id)
      if (kept !== undefined) {
        requireSame(kept.requestHash, requestHash)
        isRepeated = true
        return { status: kept.status, body: kept.body }
      }
      const made = await run()
      if (made.status < 500 && made.status !== 429) await this.#store.keep(id, requestHash, made, this.#system.wallClock())
      return made
    })()
    this.#running.set(id, { requestHash, answer })
    try {
      return { answer: await answer, isRepeated }
    } finally {
      this.#running.delete(id)
    }
  }

  /** To be called now and then. */
  async sweep(): Promise<void> {
    await this.#store.forgetBefore(this.#system.wallClock() - KEEP_ANSWERS_MS)
  }
}

function requireSame(one: string, other: string): void {
  if (one === other) return
  throw new ProblemError(
    'IDEMPOTENCY_MISMATCH',
    'Cannot use this Idempotency-Key again: it came with another request before. Make a new one for a new request',
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
