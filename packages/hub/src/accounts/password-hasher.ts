import { argon2, timingSafeEqual } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { ProblemError } from '@shoal/api/problem'
import type { HubSystem } from '../system.ts'

/** What one hash costs (argon2id). */
export interface PasswordCost {
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

/** What OWASP asks for; about 35 ms of one core. SAFETY A1. */
export const PASSWORD_COST: PasswordCost = Object.freeze({ memoryKiB: 19 * 1024, passes: 2, lanes: 1 })

export interface PasswordHasherOptions {
  readonly cost: PasswordCost
  /** Hashes computed at once: their memory is held so many times. */
  readonly atOnce: number
  /** Further ones that wait their turn. A class that signs in together fits; a flood is told to come back. */
  readonly maxWaiting: number
}

export function defaultPasswordHasherOptions(cores: number = availableParallelism()): PasswordHasherOptions {
  // libuv has four threads, and files and names need some of them
  const atOnce = Math.max(1, Math.min(cores, MAX_AT_ONCE))
  return { cost: PASSWORD_COST, atOnce, maxWaiting: WAITING_PER_CORE * atOnce }
}

const MAX_AT_ONCE = 3
const WAITING_PER_CORE = 32
const SALT_BYTES = 16
const HASH_BYTES = 32

export interface PasswordVerdict {
  readonly isRight: boolean
  /** The stored hash was made at another cost: hash anew while the password is at hand. */
  readonly isStale: boolean
}

/**
 * Hashes passwords in the thread pool, a few at a time (SAFETY A3).
 *
 * Whoever asks for an account that does not exist is compared with a hash that nobody knows the password of: the same work, the same
 * answer (SAFETY A2).
 */
export class PasswordHasher {
  readonly #options: PasswordHasherOptions
  readonly #system: HubSystem
  readonly #waiting: (() => void)[] = []
  #running = 0
  #count = 0
  readonly #nobody: string

  constructor(system: HubSystem, options: PasswordHasherOptions = defaultPasswordHasherOptions()) {
    this.#system = system
    this.#options = options
    this.#nobody = phcOf(options.cost, system.randomBytes(SALT_BYTES), system.randomBytes(HASH_BYTES))
  }

  /** Hashes computed so far. */
  get count(): number {
    return this.#count
  }

  /** @returns a PHC string. @throws {ProblemError} `BUSY` */
  async hash(password: string): Promise<string> {
    const { cost } = this.#options
    const salt = this.#system.randomBytes(SALT_BYTES)
    return phcOf(cost, salt, await this.#compute(password, cost, salt, HASH_BYTES))
  }

  /** @param stored a PHC string, or undefined for an account that does not exist. @throws {ProblemError} `BUSY` */
  async verify(password: string, stored: string | undefined): Promise<PasswordVerdict> {
    const { cost, salt, hash } = readPhc(stored ?? this.#nobody)
    const computed = await this.#compute(password, cost, salt, hash.length)
    const isRight = timingSafeEqual(computed, hash) && stored !== undefined
    const { memoryKiB, passes, lanes } = this.#options.cost
    return { isRight, isStale: cost.memoryKiB !== memoryKiB || cost.passes !== passes || cost.lanes !== lanes }
  }

  async #compute(password: string, cost: PasswordCost, salt: Uint8Array, length: number): Promise<Uint8Array> {
    await this.#turn()
    try {
      this.#count++
      return await argon2id(password, cost, salt, length)
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= this.#options.atOnce) {
      if (this.#waiting.length >= this.#options.maxWaiting) {
        throw new ProblemError('BUSY', 'Too many people sign in at this moment. Try again in a few seconds', { retryAfterSeconds: 5 })
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      // whoever lets us in has counted us already: nobody slips in between
      this.#waiting.push(() => {
        this.#running++
        resolve()
      })
      return await promise
    }
    this.#running++
  }
}

function argon2id(password: string, cost: PasswordCost, nonce: Uint8Array, tagLength: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const parameters = { message: password, nonce, parallelism: cost.lanes, tagLength, memory: cost.memoryKiB, passes: cost.passes }
  argon2('argon2id', parameters, (error, hash) => {
    if (error === null) resolve(hash)
    else reject(error)
  })
  return promise
}

/** `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`, base64 without padding. */
function phcOf(cost: PasswordCost, salt: Uint8Array, hash: Uint8Array): string {
  return `$argon2id$v=19$m=${cost.memoryKiB},t=${cost.passes},p=${cost.lanes}$${unpadded(salt)}$${unpadded(hash)}`
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

function readPhc(text: string): { cost: PasswordCost; salt: Uint8Array; hash: Uint8Array } {
  const found = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([\w+/]+)\$([\w+/]+)$/.exec(text)
  if (found === null) throw new Error('Cannot happen: a stored password hash that is no PHC string of argon2id')
  const [memoryKiB, passes, lanes] = [Number(found[1]), Number(found[2]), Number(found[3])]
  return { cost: { memoryKiB, passes, lanes }, salt: Buffer.from(found[4]!, 'base64'), hash: Buffer.from(found[5]!, 'base64') }
}
