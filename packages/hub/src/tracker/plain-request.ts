/** A request that is nothing but a question: what the fast way of the HTTP door can answer. */
export interface PlainRequest {
  /** As it was sent, printable ASCII without spaces. */
  readonly target: string
  /** Where the next request begins. */
  readonly end: number
  readonly keepAlive: boolean
  /** `X-Forwarded-For`, when it is there. */
  readonly forwardedFor: string | undefined
}

/**
 * Reads a whole GET request at `start` of what a connection has sent, each character one byte; undefined when it is anything
 * else, and then Node's own server decides about it. So this has no opinion of its own where two readers of HTTP could differ
 * (request smuggling): whatever is unfinished, has or may have a body, wants another protocol, repeats a header that counts, or
 * has a character or a line that is not plain, is not for us.
 */
export function readPlainRequest(text: string, start: number): PlainRequest | undefined {
  if (!text.startsWith('GET /', start)) return undefined
  const end = text.indexOf('\r\n\r\n', start)
  if (end < 0 || end - start > MOST_BYTES) return undefined
  const lineEnd = text.indexOf('\r\n', start)
  const targetEnd = lineEnd - VERSION_LENGTH
  const isNew = text.startsWith(' HTTP/1.1', targetEnd)
  if (!isNew && !text.startsWith(' HTTP/1.0', targetEnd)) return undefined
  for (let at = start + 4; at < targetEnd; at++) {
    const code = text.charCodeAt(at)
    if (code <= 0x20 || code >= 0x7f) return undefined
  }
  let hosts = 0
  let connection = ''
  let forwardedFor: string | undefined
  for (let at = lineEnd + 2; at < end + 2; ) {
    const next = text.indexOf('\r\n', at)
    const colon = nameEnd(text, at)
    if (colon < 0 || !isPlainValue(text, colon + 1, next)) return undefined
    if (COUNTS[colon - at] === true) {
      switch (text.slice(at, colon).toLowerCase()) {
        case 'host':
          hosts++
          break
        case 'connection':
          if (connection !== '') return undefined
          connection = text
            .slice(colon + 1, next)
            .trim()
            .toLowerCase()
          if (connection !== 'close' && connection !== 'keep-alive') return undefined
          break
        case 'x-forwarded-for':
          if (forwardedFor !== undefined) return undefined
          forwardedFor = text.slice(colon + 1, next)
          break
        case 'content-length':
        case 'transfer-encoding':
        case 'expect':
        case 'upgrade':
        case 'trailer':
        case 'te':
          return undefined
        default: // says nothing about the message
      }
    }
    at = next + 2
  }
  if (hosts !== 1 && (isNew || hosts > 1)) return undefined
  const keepAlive = isNew ? connection !== 'close' : connection === 'keep-alive'
  return { target: text.slice(start + 4, targetEnd), end: end + 4, keepAlive, forwardedFor }
}

/** As many as Node's server takes. */
const MOST_BYTES = 16_384
const VERSION_LENGTH = ' HTTP/1.1'.length

/** Lengths of the header names above: others need not be compared. */
const COUNTS: readonly (true | undefined)[] = ['host', 'connection', 'x-forwarded-for', 'content-length', 'transfer-encoding']
  .concat('expect', 'upgrade', 'te')
  .reduce<(true | undefined)[]>((lengths, name) => {
    lengths[name.length] = true
    return lengths
  }, [])

/** Where the colon behind a header name of letters, digits, `-` and `_` is, or -1. */
function nameEnd(text: string, from: number): number {
  for (let at = from; ; at++) {
    const code = text.charCodeAt(at)
    if (code === COLON) return at > from ? at : -1
    const lower = code | 0x20
    const isPlain = (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === DASH || code === UNDERLINE
    if (!isPlain) return -1
  }
}

function isPlainValue(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    if ((code < 0x20 && code !== TAB) || code >= 0x7f) return false
  }
  return true
}

const COLON = 0x3a
const DASH = 0x2d
const UNDERLINE = 0x5f
const TAB = 0x09
