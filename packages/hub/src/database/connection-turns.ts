import { ProblemError } from '@shoal/api/problem'

/** Those who wait for the connection. Beyond them a call is refused at once, before memory pays for a disk that is too slow. */
const MAX_WAITING = 1_000
/** Waits longer than this mean that the database is stuck: better to say so than to keep the caller. */
const TURN_WAIT_MS = 5_000

interface Waiter {
  readonly go: () => void
  readonly refuse: (error: ProblemError) => void
  readonly timer: NodeJS.Timeout
}

/** Who has the one connection: one transaction, or one statement, after another. */
export class ConnectionTurns {
  readonly #waiting = new Set<Waiter>()
  #isTaken = false
  #isClosed = false

  /** @throws {ProblemError} `BUSY` */
  async take(): Promise<void> {
    if (this.#isClosed) throw new ProblemError('BUSY', 'The hub is stopping. Nothing was changed; try again when it is back')
    if (!this.#isTaken) {
      this.#isTaken = true
      return
    }
    if (this.#waiting.size >= MAX_WAITING) throw tooBusy(`${MAX_WAITING} calls wait for it already`)
    await new Promise<void>((go, refuse) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter)
        refuse(tooBusy(`it was not free for ${TURN_WAIT_MS / 1_000} s`))
      }, TURN_WAIT_MS)
      const waiter: Waiter = { go, refuse, timer }
      this.#waiting.add(waiter)
    })
  }

  release(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#isTaken = false
      return
    }
    this.#waiting.delete(next)
    clearTimeout(next.timer)
    next.go()
  }

  /** Lets everybody who waits have a turn, nobody else, and is back after the last of them. */
  async close(): Promise<void> {
    const last = this.take()
    this.#isClosed = true
    await last.catch(() => {
      // The queue is full or stuck: then we do not wait for it.
    })
  }
}

function tooBusy(why: string): ProblemError {
  return new ProblemError('BUSY', `The database is busy: ${why}. Nothing was changed; try again in a moment`, { retryAfterSeconds: 5 })
}
