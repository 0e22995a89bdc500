/**
 * Figures as people read them, the same in terminal and browser: at most three digits that matter, always with a unit.
 *
 * Sizes are binary with the names that say so (KiB), rates are decimal as networks count (MB/s).
 */

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']
const RATE_UNITS = ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s']

/** `1.42 GiB`; exact sizes are short: `1 MiB`, `0 B`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, SIZE_UNITS, true)
}

/** `412 MB/s`. Never shorter than its digits (`1.00 MB/s`), so that a live figure does not jump. */
export function formatRate(bytesPerSecond: number): string {
  return scaled(bytesPerSecond, 1000, RATE_UNITS, false)
}

/** `1.4 s`, `42 s`, `2 min`, `2 min 5 s`, `3 h 5 min`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return 'forever'
  const tenths = Math.round(Math.max(0, ms) / 100)
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 600) return pair(seconds, 60, 'min', 's')
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  if (minutes < 24 * 60) return pair(minutes, 60, 'h', 'min')
  return pair(Math.round(minutes / 60), 24, 'd', 'h')
}

/** `3 s left`; nothing when nobody knows. */
export function formatTimeLeft(ms: number | undefined): string {
  return ms === undefined || !Number.isFinite(ms) ? '' : `${formatDuration(ms)} left`
}

/** `1,455` */
export function formatCount(count: number): string {
  const digits = Math.trunc(Math.abs(count)).toFixed(0)
  return (count <= -1 ? '-' : '') + digits.replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `3 files`, `1 file`, `1,455 pieces`; the plural is the word with an s unless it is given. */
export function formatCounted(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** `61 %`, rounded down: `100 %` is said only of what is complete. Nothing of nothing is complete. */
export function formatPercent(part: number, whole: number): string {
  return `${whole <= 0 ? 100 : Math.max(0, Math.min(100, Math.floor((part / whole) * 100)))} %`
}

/**
 * A size that a person typed: `262144`, `256KiB`, `1 MiB`, `5MB`, `1.5GB`. Binary and decimal units mean what they say.
 * @returns whole bytes, or undefined when it is not a size.
 */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d{1,15}(?:\.\d{1,6})?)\s*(?:([kmgt])(i?)b|b)?\s*$/i.exec(text)
  if (match === null) return undefined
  const [, digits = '', prefix = '', binary = ''] = match
  const power = prefix === '' ? 0 : 'kmgt'.indexOf(prefix.toLowerCase()) + 1
  const bytes = Number(digits) * (binary === '' ? 1000 : 1024) ** power
  const whole = Math.round(bytes)
  return Number.isSafeInteger(whole) ? whole : undefined
}

/** The same for a rate: `5MB`, `500KB/s`. */
export function parseRate(text: string): number | undefined {
  return parseBytes(text.replace(/\/s\s*$/i, ''))
}

function scaled(amount: number, base: number, units: readonly string[], shortWhenExact: boolean): string {
  let value = Number.isFinite(amount) && amount > 0 ? amount : 0
  let power = 0
  // 999.5 would be shown as 1000, which has four digits: the next unit takes it.
  while (value >= 999.5 && power < units.length - 1) {
    value /= base
    power++
  }
  const unit = units[power] ?? ''
  if (power === 0 || (shortWhenExact && Number.isInteger(value))) return `${Math.round(value)} ${unit}`
  return `${threeDigits(value)} ${unit}`
}

/** 1.424 -> 1.42, 9.996 -> 10.0, 99.96 -> 100 */
function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2)
  if (value < 99.95) return value.toFixed(1)
  return value.toFixed(0)
}

function pair(amount: number, size: number, big: string, small: string): string {
  const rest = amount % size
  return rest === 0 ? `${amount / size} ${big}` : `${Math.floor(amount / size)} ${big} ${rest} ${small}`
}
