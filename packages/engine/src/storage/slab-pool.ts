import type { Hasher } from '../ports/hasher.ts'

/**
 * Memory that the hash workers see, lent to one torrent after another: the hasher keeps what it once allocated until
 * the process ends, so a session that asked anew for every torrent would grow forever.
 *
 * Slabs come in powers of two, so a few sizes serve all piece lengths. What is never touched of a slab takes no memory.
 */
export class SlabPool {
  readonly #hasher: Pick<Hasher, 'allocate' | 'copyIn'>
  readonly #free = new Map<number, Uint8Array[]>()

  constructor(hasher: Pick<Hasher, 'allocate' | 'copyIn'>) {
    this.#hasher = hasher
  }

  /** At least so many bytes, with whatever the last user left in them. */
  take(byteLength: number): Uint8Array {
    let size = 1
    while (size < byteLength) size *= 2
    return this.#free.get(size)?.pop() ?? this.#hasher.allocate(size)
  }

  /** Copies a block into a slab, or into a part of one. */
  copyIn(slab: Uint8Array, at: number, bytes: Uint8Array): void {
    this.#hasher.copyIn(slab, at, bytes)
  }

  /** The whole slab, when neither its user nor a worker looks at it any more. */
  giveBack(slab: Uint8Array): void {
    const free = this.#free.get(slab.length)
    if (free === undefined) this.#free.set(slab.length, [slab])
    else free.push(slab)
  }
}
