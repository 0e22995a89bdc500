/** A column of a case's table. Less is better in every one of them, but for rates. */
export interface Measure {
  /** The key in the JSON line: with its unit at the end. */
  readonly key: string
  /** The head of its column. */
  readonly label: string
  /** How it is shown; times in `s` and `ms` are in seconds in the JSON line. */
  readonly unit: 's' | 'ms' | 'MiB' | '/s' | 'µs' | 'B'
}

/** One round of one contender: a value for each measure of the case. */
export type Figures = Readonly<Record<string, number>>

/** What every transfer between two sides is measured by. */
export const TRANSFER_MEASURES: readonly Measure[] = [
  { key: 'wallSeconds', label: 'wall', unit: 's' },
  { key: 'transferSeconds', label: 'transfer', unit: 's' },
  { key: 'seederCpuSeconds', label: 'CPU seeder', unit: 's' },
  { key: 'leecherCpuSeconds', label: 'CPU leecher', unit: 's' },
  { key: 'cpuSeconds', label: 'CPU both', unit: 's' },
  { key: 'seederMiB', label: 'memory seeder', unit: 'MiB' },
  { key: 'leecherMiB', label: 'memory leecher', unit: 'MiB' },
]
