import type { Random } from '@shoal/engine/simulation'
import { ProtocolError } from '@shoal/protocol/errors'
import { EngineError } from '../../packages/engine/src/base/errors.ts'
import type { Grammar } from './mutator.ts'

/**
 * Something that takes bytes from outside. What it may do with any of them: take them, or refuse them with an error of its
 * room. Everything else that it throws is a fault, and so is what `run` itself finds wrong with an answer.
 */
export interface FuzzTarget {
  readonly name: string
  readonly grammar: Grammar
  readonly tokens: readonly Uint8Array[]
  readonly maxBytes: number
  readonly refusals: Refusals
  /** Inputs to begin with, good and bad ones; made when they are needed. */
  corpus(): readonly Uint8Array[]
  /** Repairs what chance never would, such as checksums, so that what lies behind them is reached. */
  mend?(input: Uint8Array, random: Random): Uint8Array
  /**
   * @returns a word or two for what became of it: how much of the target is reached shows in how many there are
   * @throws a refusal; anything else is a fault
   */
  run(input: Uint8Array): string | Promise<string>
  /** Whole conversations cost a thousand times what a parser costs: a run that is told a count does one in so many. Absent: 1. */
  readonly oneIn?: number
  /** Closes what the target has opened. */
  close?(): Promise<void>
}

/** Whose errors are a proper refusal. */
export type Refusals = 'protocol' | 'engine' | 'none'

/** The stable code of a proper refusal; undefined when it is none. */
export function refusalCode(thrown: unknown, refusals: Refusals): string | undefined {
  if (refusals === 'none') return undefined
  if (thrown instanceof ProtocolError && isCaused(thrown)) return thrown.code
  if (refusals === 'engine' && thrown instanceof EngineError && isCaused(thrown)) return thrown.code
  return undefined
}

/** A typed error around an untyped one would hide a fault: a `TypeError` is never the sender's. */
export function isCaused(error: Error): boolean {
  const { cause } = error
  if (cause === undefined) return true
  return (cause instanceof ProtocolError || cause instanceof EngineError) && isCaused(cause)
}

/** Says what is wrong with an answer; the message is the finding. */
export function expect(isSo: boolean, otherwise: string): asserts isSo {
  if (!isSo) throw new Error(`Not as it must be: ${otherwise}`)
}

/** Equal values of plain objects (whatever the order of their fields), arrays, maps and bytes, by their JSON. */
export function expectEqual(actual: unknown, wanted: unknown, what: string): void {
  const [one, two] = [shown(actual), shown(wanted)]
  if (one === two) return
  let at = 0
  while (one[at] === two[at]) at++
  const from = Math.max(0, at - 60)
  throw new Error(`Not as it must be: ${what}: …${one.slice(from, at + 200)} and not …${two.slice(from, at + 200)}`)
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return `${each}n`
    if (each instanceof Uint8Array) return `bytes ${Buffer.from(each).toString('hex')}`
    if (each instanceof Map) return [...each]
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return each
    return Object.fromEntries(Object.entries(each).sort(([one], [two]) => (one < two ? -1 : 1)))
  })
}
