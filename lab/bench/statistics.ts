/** Some values of one figure, as a reader wants to know them. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** @throws when there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error('Cannot happen: a figure without values')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { min: sorted[0]!, median, max: sorted.at(-1)! }
}
