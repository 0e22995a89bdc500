import type { WorldPeer } from './world.ts'

const LOOK_EVERY_MS = 50

/** Looks at how much a torrent has fetched, twenty times a second, and remembers the longest standstill. */
export class ProgressWatch {
  longestStandstillMs = 0
  readonly #peer: WorldPeer
  #lastBytes = -1
  #lastNewsAt: number
  #isOver = false

  constructor(peer: WorldPeer) {
    this.#peer = peer
    this.#lastNewsAt = peer.world.system.now()
    this.#look()
  }

  stop(): void {
    this.#isOver = true
  }

  #look(): void {
    const { system } = this.#peer.world
    if (this.#isOver || this.#peer.isDone) return
    const { downloaded, wasted } = this.#peer.torrent.snapshot()
    const bytes = downloaded - wasted
    const now = system.now()
    if (bytes !== this.#lastBytes) {
      this.#lastBytes = bytes
      this.#lastNewsAt = now
    }
    this.longestStandstillMs = Math.max(this.longestStandstillMs, now - this.#lastNewsAt)
    system.schedule(LOOK_EVERY_MS, () => this.#look())
  }
}
