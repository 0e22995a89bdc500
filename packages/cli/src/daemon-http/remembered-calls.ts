import type { IdempotentCallStore, KeptAnswer } from '@shoal/door/idempotent-calls'

/** More are forgotten, the oldest first. */
const MAX_CALLS = 1_000
/** Of all answers together. */
const MAX_CHARACTERS = 4 << 20

interface Row extends KeptAnswer {
  readonly requestHash: string
  readonly at: number
}

/** Answers to calls with an `Idempotency-Key`, for as long as the daemon runs: who repeats a call does so within seconds. */
export class RememberedCalls implements IdempotentCallStore {
  readonly #rows = new Map<string, Row>()
  #characters = 0

  async find(id: string): Promise<(KeptAnswer & { readonly requestHash: string }) | undefined> {
    return this.#rows.get(id)
  }

  async keep(id: string, requestHash: string, answer: KeptAnswer, at: number): Promise<void> {
    if (this.#rows.has(id)) return
    this.#rows.set(id, { ...answer, requestHash, at })
    this.#characters += answer.body.length
    for (const [oldest] of this.#rows) {
      if (this.#rows.size <= MAX_CALLS && this.#characters <= MAX_CHARACTERS) break
      this.#forget(oldest)
    }
  }

  async forgetBefore(at: number): Promise<void> {
    for (const [id, row] of this.#rows) if (row.at < at) this.#forget(id)
  }

  #forget(id: string): void {
    this.#characters -= this.#rows.get(id)?.body.length ?? 0
    this.#rows.delete(id)
  }
}
