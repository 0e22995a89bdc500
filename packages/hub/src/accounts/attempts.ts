import { createHmac } from 'node:crypto'
import { ProblemError } from '@shoal/api/problem'
import { networkOf } from '@shoal/door/ip-networks'
import type { HubDatabase } from '../database/database.ts'
import type { HubSystem } from '../system.ts'

/** A bucket takes so many attempts at once, and forgets so many in a minute. */
export interface BucketRule {
  readonly capacity: number
  readonly perMinute: number
}

type AttemptRule = 'signInHere' | 'signInAccount' | 'signInNetwork' | 'signInAll' | 'registerNetwork' | 'registerAll'

/**
 * How often one may try (SAFETY A3). What succeeds is given back, so a class behind one address that signs in together notices nothing.
 * A guesser fills the small bucket first; with many addresses the one of the account, and with many accounts the one of all.
 */
export const ATTEMPT_RULES: Readonly<Record<AttemptRule, BucketRule>> = Object.freeze({
  /** One account from one network. */
  signInHere: { capacity: 10, perMinute: 1 },
  /** One account from anywhere: wide, or else anybody could lock somebody out. */
  signInAccount: { capacity: 100, perMinute: 2 },
  /** All accounts from one network. */
  signInNetwork: { capacity: 100, perMinute: 10 },
  signInAll: { capacity: 1_000, perMinute: 100 },
  /** New accounts, wrong invites and wrong set-up codes of one network. */
  registerNetwork: { capacity: 60, perMinute: 2 },
  registerAll: { capacity: 500, perMinute: 20 },
})

/** An attempt that counts, until it is given back. */
export interface Attempt {
  /** It was a good one: it does not count. */
  giveBack(): Promise<void>
}

interface Bucket {
  level: number
  at: number
}

/**
 * Leaky buckets of attempts. Decided in memory at once, so that a thousand attempts at the same moment count as a thousand; written before
 * the attempt goes on, so that a restart forgives nothing.
 *
 * The bucket of all is asked first and bounds how many others there can be: what it lets through in the time that the slowest needs to
 * run empty, some ten thousands.
 */
export class Attempts {
  readonly #database: HubDatabase
  readonly #system: HubSystem
  readonly #secret: Uint8Array
  readonly #buckets = new Map<string, Bucket>()

  private constructor(database: HubDatabase, system: HubSystem, secret: Uint8Array) {
    this.#database = database
    this.#system = system
    this.#secret = secret
  }

  static async load(database: HubDatabase, system: HubSystem, secret: Uint8Array): Promise<Attempts> {
    const attempts = new Attempts(database, system, secret)
    for (const row of await database.db.selectFrom('attempts').selectAll().execute()) {
      if (ruleOf(row.key) !== undefined) attempts.#buckets.set(row.key, { level: row.level, at: row.at })
    }
    return attempts
  }

  /** @throws {ProblemError} `RATE_LIMITED` */
  signIn(nameKey: string, ip: string): Promise<Attempt> {
    const network = networkOf(ip)
    // people type passwords where names belong: what is stored does not show them
    const account = createHmac('sha256', this.#secret).update(`attempts ${nameKey}`).digest('base64url').slice(0, 22)
    return this.#take([
      bucketKey('signInAll'),
      bucketKey('signInNetwork', network),
      bucketKey('signInAccount', account),
      bucketKey('signInHere', account, network),
    ])
  }

  /** @throws {ProblemError} `RATE_LIMITED` */
  register(ip: string): Promise<Attempt> {
    return this.#take([bucketKey('registerAll'), bucketKey('registerNetwork', networkOf(ip))])
  }

  async #take(keys: readonly string[]): Promise<Attempt> {
    const now = this.#system.wallClock()
    const waitMinutes = Math.max(...keys.map((key) => minutesUntilRoom(key, this.#bucket(key, now))))
    if (waitMinutes > 0) {
      const retryAfterSeconds = Math.ceil(waitMinutes * 60)
      throw new ProblemError('RATE_LIMITED', `Too many attempts. Try again in ${inWords(retryAfterSeconds)}`, { retryAfterSeconds })
    }
    for (const key of keys) this.#add(key, 1, now)
    await this.#write(keys)
    return { giveBack: () => this.#giveBack(keys) }
  }

  async #giveBack(keys: readonly string[]): Promise<void> {
    const now = this.#system.wallClock()
    for (const key of keys) this.#add(key, -1, now)
    await this.#write(keys)
  }

  /** Forgets what has run empty. */
  async sweep(): Promise<void> {
    const now = this.#system.wallClock()
    const empty = [...this.#buckets.keys()].filter((key) => this.#bucket(key, now).level === 0)
    for (const key of empty) this.#buckets.delete(key)
    for (let at = 0; at < empty.length; at += KEYS_AT_ONCE) await this.#write(empty.slice(at, at + KEYS_AT_ONCE))
  }

  #add(key: string, attempts: number, now: number): void {
    const bucket = this.#bucket(key, now)
    bucket.level = Math.max(0, bucket.level + attempts)
    this.#buckets.set(key, bucket)
  }

  /** The bucket as it is now. A clock that was set back forgives nothing and punishes nobody for the hours in between. */
  #bucket(key: string, now: number): Bucket {
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) return { level: 0, at: now }
    const minutes = Math.max(0, now - bucket.at) / 60_000
    bucket.level = Math.max(0, bucket.level - minutes * (ruleOf(key)?.perMinute ?? 0))
    bucket.at = now
    return bucket
  }

  /** What the buckets hold at the moment of writing, so that the last write of several is right whatever their order. */
  async #write(keys: readonly string[]): Promise<void> {
    await this.#database.transaction(async (trx) => {
      for (const key of keys) {
        const bucket = this.#buckets.get(key)
        if (bucket === undefined || bucket.level === 0) {
          await trx.deleteFrom('attempts').where('key', '=', key).execute()
          continue
        }
        const { level, at } = bucket
        await trx
          .insertInto('attempts')
          .values({ key, level, at })
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ level, at }))
          .execute()
      }
    })
  }
}

const KEYS_AT_ONCE = 200

function bucketKey(rule: AttemptRule, ...parts: readonly string[]): string {
  return [rule, ...parts].join(' ')
}

function ruleOf(key: string): BucketRule | undefined {
  const rule = key.split(' ', 1)[0] ?? ''
  return Object.hasOwn(ATTEMPT_RULES, rule) ? ATTEMPT_RULES[rule as AttemptRule] : undefined
}

function minutesUntilRoom(key: string, bucket: Bucket): number {
  const rule = ruleOf(key)
  if (rule === undefined) throw new Error(`Cannot happen: attempts are counted without a rule: ${key}`)
  return (bucket.level + 1 - rule.capacity) / rule.perMinute
}

function inWords(seconds: number): string {
  if (seconds === 1) return 'a second'
  if (seconds < 120) return `${seconds} seconds`
  return `${Math.ceil(seconds / 60)} minutes`
}
