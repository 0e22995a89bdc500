import { createHash } from 'node:crypto'
import { ProblemError } from '@shoal/api/problem'

const DEFAULT_PORT = 6880

/**
 * The one spelling of a hub's address: `192.168.1.10:6880`, `class.example` and `https://class.example/hub/` are what people
 * type. Without a scheme it is http, and then without a port 6880.
 *
 * @throws {ProblemError} `VALIDATION`
 */
export function hubAddress(given: string): string {
  const text = given.trim()
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
  const address = URL.parse(hasScheme ? text : `http://${bracketed(text)}`)
  const isHttp = address?.protocol === 'http:' || address?.protocol === 'https:'
  if (address === null || !isHttp || address.username !== '' || address.password !== '' || /[\s\\]/.test(text)) throw noAddress(given)
  // URL drops :80 itself, so look at what was typed.
  if (!hasScheme && address.port === '' && !/:80(?:\/|$)/.test(text)) address.port = String(DEFAULT_PORT)
  return `${address.origin}${address.pathname}`.replace(/\/+$/, '')
}

/** Of its address: the same at every start and on every machine. */
export function hubIdOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 12)
}

/** An address that two programs speak of: `::1` is written in brackets before a port. */
export function shownAddress({ ip, port }: { readonly ip: string; readonly port: number }): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** @returns undefined for what is no address with a port */
export function parseEndpoint(text: string): { ip: string; port: number } | undefined {
  const [, bracketedIp, plainIp, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text.trim()) ?? []
  const port = Number(digits)
  const ip = bracketedIp ?? plainIp
  return ip !== undefined && port >= 1 && port <= 65_535 ? { ip: ip.toLowerCase(), port } : undefined
}

function bracketed(text: string): string {
  return /^[0-9a-f:]+$/i.test(text) && text.split(':').length > 2 ? `[${text}]` : text
}

function noAddress(given: string): ProblemError {
  const detail = 'is an address such as 192.168.1.10:6880 or https://class.example'
  return new ProblemError('VALIDATION', `Cannot use ${JSON.stringify(given.slice(0, 200))} as a hub: it ${detail}`, {
    errors: [{ field: 'url', detail }],
  })
}
