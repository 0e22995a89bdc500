const TWO_TO_32 = 2 ** 32

/**
 * Chance from a seed: Chris Doty-Humphrey's sfc32, 128 bits of state, seeded by mixing the text of the seed.
 * Small, fast, passes PractRand; not for secrets, and nothing in a simulation is one.
 */
export class Random {
  readonly seed: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: string | number) {
    this.seed = String(seed)
    const mix = mixer(this.seed)
    this.#a = mix()
    this.#b = mix()
    this.#c = mix()
    for (let round = 0; round < 12; round++) this.next() // until every bit of the seed has met every other
  }

  /** The next 32 bits. */
  next(): number {
    const result = (this.#a + this.#b + this.#counter) >>> 0
    this.#counter = (this.#counter + 1) >>> 0
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0
    this.#b = (this.#c + (this.#c << 3)) >>> 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) >>> 0
    return result
  }

  /** In [0, 1), with 32 bits. */
  fraction(): number {
    return this.next() / TWO_TO_32
  }

  /** A whole number in [0, limit), for limits up to 2^53. */
  below(limit: number): number {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new Error(`Cannot happen: a random number below ${limit}`)
    if (limit <= TWO_TO_32) {
      const fair = TWO_TO_32 - (TWO_TO_32 % limit)
      for (;;) {
        const die = this.next()
        if (die < fair) return die % limit
      }
    }
    const fair = Number.MAX_SAFE_INTEGER - (Number.MAX_SAFE_INTEGER % limit)
    for (;;) {
      const die = (this.next() & 0x1f_ffff) * TWO_TO_32 + this.next()
      if (die < fair) return die % limit
    }
  }

  /** True once in `1 / probability` times. No die is thrown for 0 and 1, so switching a fault off changes nothing else. */
  chance(probability: number): boolean {
    if (probability <= 0) return false
    return probability >= 1 || this.fraction() < probability
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 4) {
      let word = this.next()
      for (let byte = at; byte < at + 4 && byte < length; byte++) {
        bytes[byte] = word & 0xff
        word >>>= 8
      }
    }
    return bytes
  }

  /** Dice of its own for one purpose: what others throw, or that a new thrower came, does not change them. */
  fork(purpose: string): Random {
    return new Random(`${this.seed}/${purpose}`)
  }
}

/** xmur3: turns text into as many well-mixed words as one asks for. */
function mixer(text: string): () => number {
  let hash = 1779033703 ^ text.length
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 3432918353)
    hash = (hash << 13) | (hash >>> 19)
  }
  return () => {
    hash = Math.imul(hash ^ (hash >>> 16), 2246822507)
    hash = Math.imul(hash ^ (hash >>> 13), 3266489909)
    hash ^= hash >>> 16
    return hash >>> 0
  }
}
