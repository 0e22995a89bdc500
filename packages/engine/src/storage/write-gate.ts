/** Lets many write at the same time, or one do what needs that nobody writes. */
export class WriteGate {
  /** Settles when pieces may be written again. */
  #closed: Promise<void> | undefined
  #writerCount = 0
  #onIdle: (() => void) | undefined

  /** One of the many: waits while somebody is alone. */
  async among<Result>(write: () => Promise<Result>): Promise<Result> {
    while (this.#closed !== undefined) await this.#closed
    this.#writerCount++
    try {
      return await write()
    } finally {
      this.#writerCount--
      if (this.#writerCount === 0) this.#onIdle?.()
    }
  }

  /** Waits until those who write have ended, and keeps new ones waiting. */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#closed !== undefined) await this.#closed
    let open = (): void => {}
    this.#closed = new Promise((resolve) => {
      open = resolve
    })
    try {
      if (this.#writerCount > 0) {
        await new Promise<void>((resolve) => {
          this.#onIdle = resolve
        })
        this.#onIdle = undefined
      }
      return await work()
    } finally {
      this.#closed = undefined
      open()
    }
  }
}
