/**
 * Turns good inputs into nearly good ones, and bad ones into worse. All chance comes from one seeded source, so a run can be
 * repeated from its seed.
 *
 * Half of the changes know nothing of the format (`byte-mutator.ts`); the other half know its grammar and keep the rest of
 * it intact, so that what lies behind the first check is reached too.
 */

import type { Random } from '@shoal/engine/simulation'
import { mutateBencode } from './bencode-grammar.ts'
import { ByteMutator, type ByteMutatorOptions, pick, replaced } from './byte-mutator.ts'
import { mutateMessages } from './wire-grammar.ts'

export type Grammar = 'bytes' | 'bencode' | 'wire'

export interface MutatorOptions extends ByteMutatorOptions {
  readonly grammar: Grammar
  readonly maxBytes: number
}

export class Mutator {
  readonly #random: Random
  readonly #options: MutatorOptions
  readonly #bytes: ByteMutator

  constructor(options: MutatorOptions) {
    this.#random = options.random
    this.#options = options
    this.#bytes = new ByteMutator(options)
  }

  /** A new input out of the pool; none of the pool changes. */
  next(pool: readonly Uint8Array[]): Uint8Array {
    const random = this.#random
    const { grammar, maxBytes } = this.#options
    if (random.chance(1 / 64)) return random.bytes(random.below(65))
    let bytes = pick(random, pool)
    if (random.chance(1 / 8)) bytes = this.#splice(bytes, pick(random, pool))
    if (grammar !== 'bytes' && random.chance(2 / 3)) {
      const mutate = grammar === 'bencode' ? mutateBencode : mutateMessages
      bytes = mutate(bytes, { random, tokens: this.#options.tokens, bytes: this.#bytes })
      if (random.chance(3 / 4)) return cut(bytes, maxBytes)
    }
    return cut(this.#bytes.change(bytes), maxBytes)
  }

  #splice(one: Uint8Array, two: Uint8Array): Uint8Array {
    return replaced(one, this.#random.below(one.length + 1), one.length, two.subarray(this.#random.below(two.length + 1)))
  }
}

function cut(bytes: Uint8Array, maxBytes: number): Uint8Array {
  return bytes.length > maxBytes ? bytes.slice(0, maxBytes) : bytes
}
