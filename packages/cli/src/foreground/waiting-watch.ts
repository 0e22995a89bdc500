/** How long nobody may be there before it is worth a line: peers come and go, and a first one takes a moment. */
const PATIENCE_MS = 5_000

/**
 * Notices that a download stands still because nobody is connected, and that it goes on. Says each once.
 *
 * Knows no clock: whoever looks at the transfer says when.
 */
export class WaitingWatch {
  #aloneSince: number | undefined
  #isWaiting = false

  /** @returns what changed with this look, if anything. */
  look(status: { readonly phase: string; readonly peers: readonly unknown[] }, nowMs: number): 'waiting' | 'going-on' | undefined {
    const isAlone = status.peers.length === 0 && (status.phase === 'downloading' || status.phase === 'fetching-metadata')
    if (!isAlone) {
      this.#aloneSince = undefined
      if (!this.#isWaiting) return undefined
      this.#isWaiting = false
      return status.peers.length > 0 ? 'going-on' : undefined
    }
    this.#aloneSince ??= nowMs
    if (this.#isWaiting || nowMs - this.#aloneSince < PATIENCE_MS) return undefined
    this.#isWaiting = true
    return 'waiting'
  }
}
