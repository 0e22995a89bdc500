import { Random } from '@shoal/engine/simulation'
import { minimised } from './minimise.ts'
import { Mutator } from './mutator.ts'
import { type FuzzTarget, refusalCode } from './target.ts'

/** An input that a target could not deal with. */
export interface Finding {
  readonly target: string
  readonly seed: string
  /** Which run of that seed it was, counted from 1. */
  readonly run: number
  readonly reason: string
  /** Made as small as it could be with the same reason. */
  readonly input: Uint8Array
}

export interface TargetReport {
  readonly target: string
  readonly runs: number
  readonly elapsedMs: number
  /** How often each outcome was seen: what `run` returned, or the code of the refusal. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly finding: Finding | undefined
}

export interface FuzzOptions {
  readonly seed: string
  /** Asked before each run. */
  readonly goesOn: (runs: number, elapsedMs: number) => boolean
  /** Told before each run, so that whoever watches knows what it hangs on. */
  readonly onInput?: (run: number, input: Uint8Array) => void
}

/** One input may take this long; it is tried twice before it counts as slow, because machines pause. */
const SLOW_MS = 1_000
/** Inputs with a new outcome join those to be changed; more than this would only be more of the same. */
const MAX_POOL = 600

type Outcome =
  | { readonly kind: 'fine'; readonly label: string; readonly shape: string }
  | { readonly kind: 'fault'; readonly reason: string }

/**
 * Gives a target one changed input after another until it is enough, or one is a finding. The same seed makes the same
 * inputs, however long it runs. What led to an outcome not seen before is changed further: that is all it knows of how
 * deep it got.
 */
export async function fuzzTarget(target: FuzzTarget, options: FuzzOptions): Promise<TargetReport> {
  const { seed, goesOn, onInput } = options
  const random = new Random(`${seed}/${target.name}`)
  const mutator = new Mutator({ random, grammar: target.grammar, tokens: target.tokens, maxBytes: target.maxBytes })
  const pool = target.corpus().filter((entry) => entry.length <= target.maxBytes)
  const beginnings = [...pool]
  const outcomes = new Map<string, number>()
  const shapes = new Set<string>()
  const begun = performance.now()
  let finding: Finding | undefined
  let run = 0
  while (finding === undefined && goesOn(run, performance.now() - begun)) {
    // The corpus itself first, as it is.
    const changed = beginnings[run] ?? mutator.next(pool)
    const input = beginnings[run] === undefined && target.mend !== undefined ? target.mend(changed, random) : changed
    run++
    onInput?.(run, input)
    const startedAt = performance.now()
    const outcome = await tryInput(target, input)
    const isSlow = performance.now() - startedAt > SLOW_MS && (await takesMs(target, input)) > SLOW_MS
    if (outcome.kind === 'fault' || isSlow) {
      const reason = outcome.kind === 'fault' ? outcome.reason : `It took longer than ${SLOW_MS} ms, twice`
      finding = { target: target.name, seed, run, reason, input: isSlow ? input : await smallest(target, input, reason) }
      break
    }
    outcomes.set(outcome.label, (outcomes.get(outcome.label) ?? 0) + 1)
    if (shapes.has(outcome.shape)) continue
    shapes.add(outcome.shape)
    if (pool.length < MAX_POOL && !beginnings.includes(input)) pool.push(input)
  }
  return { target: target.name, runs: run, elapsedMs: performance.now() - begun, outcomes, finding }
}

/** One input, for repeating a finding. @returns what was wrong; undefined when nothing was */
export async function faultOf(target: FuzzTarget, input: Uint8Array): Promise<string | undefined> {
  const outcome = await tryInput(target, input)
  return outcome.kind === 'fault' ? outcome.reason : undefined
}

/** What nobody waited for and nobody caught. */
const strays: unknown[] = []
process.on('unhandledRejection', (reason) => strays.push(reason))

async function tryInput(target: FuzzTarget, input: Uint8Array): Promise<Outcome> {
  // Whoever changes what it was given to read is at fault as well.
  const before = input.slice()
  let outcome: Outcome
  try {
    const answer = target.run(input)
    const label = typeof answer === 'string' ? answer : await answer
    if (typeof answer !== 'string') await strayRejections()
    outcome = { kind: 'fine', label, shape: label }
  } catch (thrown) {
    const code = refusalCode(thrown, target.refusals)
    if (code === undefined) return { kind: 'fault', reason: reasonOf(thrown) }
    outcome = { kind: 'fine', label: code, shape: `${code} ${skeleton((thrown as Error).message)}` }
  }
  if (strays.length > 0) return { kind: 'fault', reason: `Nobody caught: ${reasonOf(strays.splice(0)[0])}` }
  return sameBytes(before, input) ? outcome : { kind: 'fault', reason: 'It changed its input' }
}

/** Node tells of them after the promises have had their turn. */
function strayRejections(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

async function takesMs(target: FuzzTarget, input: Uint8Array): Promise<number> {
  const startedAt = performance.now()
  await tryInput(target, input)
  return performance.now() - startedAt
}

function smallest(target: FuzzTarget, input: Uint8Array, reason: string): Promise<Uint8Array> {
  const wanted = skeleton(firstLine(reason))
  return minimised(input, async (smaller) => {
    const fault = await faultOf(target, smaller)
    return fault !== undefined && skeleton(firstLine(fault)) === wanted
  })
}

/** The name, the message and where it was thrown. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `Threw what is no error: ${String(thrown)}`
  const causes: string[] = []
  for (let cause = thrown.cause; cause instanceof Error; cause = cause.cause) causes.push(`\n  caused by ${cause.stack ?? String(cause)}`)
  return `${thrown.stack ?? String(thrown)}${causes.join('')}`
}

/** A message without its numbers and names: two of the same shape come from the same line. */
function skeleton(message: string): string {
  return message
    .replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '"…"')
    .replace(/\d+/g, '#')
    .slice(0, 200)
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function sameBytes(one: Uint8Array, two: Uint8Array): boolean {
  return Buffer.compare(one, two) === 0
}
