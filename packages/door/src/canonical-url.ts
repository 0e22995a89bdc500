import { ProblemError } from '@shoal/api/problem'

/** What a request asks for, in the one spelling that the router, the checks of access and the handlers all see (SAFETY D7). */
export interface CanonicalUrl {
  /** Segments percent-encoded where they must be and nowhere else; no `.`, no `..`, no empty segment, no slash at the end. */
  readonly path: string
  /** Decoded. In the order given; a name may come again. */
  readonly query: readonly (readonly [name: string, value: string])[]
}

export const MAX_URL_CHARACTERS = 8_192
const MAX_PARAMETERS = 50

/**
 * Another spelling of a path is another path, and nothing is there: only needless percent signs are taken away.
 *
 * @param prefix where a proxy has put the hub (`/hub`, or nothing); requests come with it or without
 * @throws {ProblemError} `NOT_FOUND`, `MALFORMED`
 */
export function canonicalUrl(raw: string, prefix: string): CanonicalUrl {
  if (raw.length > MAX_URL_CHARACTERS)
    throw new ProblemError('MALFORMED', `Cannot read an address of more than ${MAX_URL_CHARACTERS} bytes`)
  const queryMark = raw.indexOf('?')
  const path = canonicalPath(queryMark < 0 ? raw : raw.slice(0, queryMark))
  return {
    path: prefix !== '' && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path === prefix && prefix !== '' ? '/' : path,
    query: queryMark < 0 ? [] : parametersOf(raw.slice(queryMark + 1)),
  }
}

function canonicalPath(raw: string): string {
  if (raw === '/') return raw
  if (!raw.startsWith('/')) throw nothingThere(raw)
  const segments = raw.slice(1).split('/')
  return segments
    .map((segment) => {
      const decoded = decode(segment)
      if (decoded === '' || decoded === '.' || decoded === '..' || /[/\\\p{Cc}]/u.test(decoded)) throw nothingThere(raw)
      return `/${encodeURIComponent(decoded)}`
    })
    .join('')
}

function parametersOf(raw: string): [string, string][] {
  if (raw === '') return []
  const parts = raw.split('&')
  if (parts.length > MAX_PARAMETERS) throw new ProblemError('MALFORMED', `Cannot read more than ${MAX_PARAMETERS} parameters in an address`)
  return parts.map((part) => {
    const equals = part.indexOf('=')
    const spaced = part.replaceAll('+', ' ')
    return equals < 0 ? [decode(spaced), ''] : [decode(spaced.slice(0, equals)), decode(spaced.slice(equals + 1))]
  })
}

function decode(text: string): string {
  try {
    // Node gives bytes above 0x7f as characters of their own: they should have been percent-encoded.
    if (/[\u0080-\uffff]/.test(text)) throw new URIError('not ASCII')
    return decodeURIComponent(text)
  } catch (cause) {
    throw new ProblemError('MALFORMED', 'Cannot read this address: it is not UTF-8 in percent-encoding', {}, { cause })
  }
}

export function nothingThere(path: string): ProblemError {
  const shown = path.length > 100 ? `${path.slice(0, 100)}…` : path
  return new ProblemError('NOT_FOUND', `Nothing is at ${JSON.stringify(shown)}. What there is stands at /docs/api`)
}
