import { parseIp } from '@shoal/protocol/ip-address'
import type { Setting } from './config-settings.ts'

/** A value, or the rule that the text breaks: `a duration is written like 30min`. */
export type ReadValue = { readonly value: string | number | boolean | readonly string[] } | { readonly problem: string }

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
}
const MAX_TEXT_CHARACTERS = 60

/** Reads what a person wrote for a setting; lists are separated by commas. */
export function readValue(setting: Setting, text: string): ReadValue {
  switch (setting.kind) {
    case 'count':
      return within(setting, /^\d+$/.test(text) ? Number(text) : Number.NaN, String, 'a whole number')
    case 'duration':
      return within(setting, withUnit(text, DURATION_UNITS), durationText, 'a duration with its unit, like 90s, 30min, 12h or 7d')
    case 'size':
      return within(setting, withUnit(text, SIZE_UNITS), sizeText, 'a size with its unit, like 512KiB, 10MiB or 2GiB')
    case 'flag':
      if (/^(?:true|yes|on|1)$/i.test(text)) return { value: true }
      return /^(?:false|no|off|0)$/i.test(text) ? { value: false } : { problem: 'it is true or false' }
    case 'choice':
      return setting.of?.includes(text) ? { value: text } : { problem: `it is one of ${setting.of?.join(', ')}` }
    case 'text':
      return text.length <= MAX_TEXT_CHARACTERS ? { value: text } : { problem: `it has at most ${MAX_TEXT_CHARACTERS} characters` }
    case 'address':
      return /^[^\s/]+$/.test(text) ? { value: text } : { problem: 'it is an address or a name of this machine, like 0.0.0.0' }
    case 'path':
      return { value: text }
    case 'url':
      return text === '' || isWebAddress(text)
        ? { value: text.replace(/\/+$/, '') }
        : { problem: 'it is an address like https://class.example' }
    case 'networks':
      return listOf(text, isNetwork, 'is no network: write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1')
    case 'addresses':
      return listOf(text, (item) => parseIp(item) !== undefined, 'is no address like 192.0.2.1 or 2001:db8::1')
    case 'names':
      return listOf(text, (name) => /^[^\s/:]+(?::\d+)?$/.test(name), 'is no name like class.example')
  }
}

/** As it could be written: `30min`, `512MiB`. */
export function valueText(setting: Setting, value: string | number | boolean | readonly string[]): string {
  if (typeof value === 'number' && setting.kind === 'duration') return durationText(value)
  if (typeof value === 'number' && setting.kind === 'size') return sizeText(value)
  return Array.isArray(value) ? value.join(', ') : String(value)
}

function within({ least = 0, most = 0 }: Setting, value: number, write: (value: number) => string, what: string): ReadValue {
  if (value >= least && value <= most) return { value }
  return { problem: `it is ${what}, from ${write(least)} to ${write(most)}` }
}

function withUnit(text: string, units: Readonly<Record<string, number>>): number {
  if (text === '0') return 0
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text) ?? []
  return Math.round(Number(digits || Number.NaN) * (units[unit.toLowerCase()] ?? Number.NaN))
}

function durationText(ms: number): string {
  return inLargestUnit(ms, DURATION_UNITS, ['d', 'h', 'min', 's', 'ms'])
}

function sizeText(bytes: number): string {
  return inLargestUnit(bytes, { TiB: 2 ** 40, GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, B: 1 }, ['TiB', 'GiB', 'MiB', 'KiB', 'B'])
}

/** The largest unit that gives a whole number; up to two days are told in hours, since that is how people say it. */
function inLargestUnit(value: number, units: Readonly<Record<string, number>>, names: readonly string[]): string {
  if (value === 0) return '0'
  const name = names.find((unit) => value % units[unit]! === 0 && !(unit === 'd' && value < 2 * units[unit]!)) ?? names.at(-1)!
  return `${value / units[name]!}${name}`
}

function listOf(text: string, isGood: (item: string) => boolean, rule: string): ReadValue {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
  const bad = items.find((item) => !isGood(item))
  return bad === undefined ? { value: items } : { problem: `${JSON.stringify(bad)} ${rule}` }
}

function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, search, hash } = new URL(text)
  return (protocol === 'https:' || protocol === 'http:') && username === '' && search === '' && hash === ''
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const bytes = parseIp(address)
  if (bytes === undefined || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bytes.length * 8)
}
