import type { Measure } from './measure.ts'
import { type Spread, spreadOf } from './statistics.ts'
import type { Result } from './turns.ts'

/** All rounds of one contender, and what they come to. */
export interface Summary extends Result {
  readonly spreads: Readonly<Record<string, Spread>>
}

/** `ours / other`, and for each measure the medians' ratio. */
export type Ratios = Readonly<Record<string, Readonly<Record<string, number>>>>

export function summaryOf(result: Result, measures: readonly Measure[]): Summary {
  const spreads = measures.map(({ key }) => [key, spreadOf(result.rounds.map((round) => rounded(round[key]!)))] as const)
  return { ...result, spreads: Object.fromEntries(spreads) }
}

/** Of each of ours to each of the others; there is none to nothing. */
export function ratiosOf(summaries: readonly Summary[], measures: readonly Measure[]): Ratios {
  const ratios: Record<string, Record<string, number>> = {}
  for (const ours of summaries.filter(({ isOurs }) => isOurs)) {
    for (const other of summaries.filter(({ isOurs }) => !isOurs)) {
      ratios[`${ours.contender} / ${other.contender}`] = Object.fromEntries(
        measures
          .filter(({ key }) => other.spreads[key]!.median > 0)
          .map(({ key }) => [key, rounded(ours.spreads[key]!.median / other.spreads[key]!.median)]),
      )
    }
  }
  return ratios
}

/** A figure with as many digits as mean something. */
export function rounded(figure: number): number {
  return Number(figure.toPrecision(4))
}
