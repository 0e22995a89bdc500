import { ProtocolError } from '../errors.ts'

/** The address of a tracker, taken apart. */
export interface TrackerUrl {
  readonly scheme: 'http' | 'https' | 'udp'
  /** Name or IP literal, lower case, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Path and query, beginning with `/`, or empty. What BEP 41 sends behind a UDP announce. */
  readonly pathAndQuery: string
}

const MAX_URL_LENGTH = 2_048
/** UDP trackers have no usual port: their URLs must name one. */
const DEFAULT_PORTS = { http: 80, https: 443, udp: undefined } as const
//                      scheme             host: [IPv6] or name   port         path and query   fragment
const SHAPE = /^(https?|udp):\/\/(?:\[([0-9a-f:.]+)\]|([^\s/?#@:[\]]+))(?::(\d{1,5}))?((?:[/?][^#]*)?)(?:#.*)?$/i

/**
 * User names and passwords in it are refused: they would be sent and shown in clear text.
 *
 * @throws {ProtocolError} `TRACKER_URL`
 */
export function parseTrackerUrl(text: string): TrackerUrl {
  if (text.length > MAX_URL_LENGTH) throw refuse(`Cannot use a tracker URL of ${text.length} characters: the limit is ${MAX_URL_LENGTH}`)
  const match = hasControlOrSpace(text) ? null : SHAPE.exec(text)
  if (match === null) throw refuse(`Cannot use ${JSON.stringify(text)} as a tracker: it is no http, https or udp URL`)
  const scheme = match[1]!.toLowerCase() as TrackerUrl['scheme']
  const port = match[4] === undefined ? DEFAULT_PORTS[scheme] : Number(match[4])
  if (port === undefined) throw refuse(`Cannot use ${JSON.stringify(text)} as a tracker: a udp URL needs a port`)
  if (port < 1 || port > 65_535) throw refuse(`Cannot use ${JSON.stringify(text)} as a tracker: port ${port} does not exist`)
  const rest = match[5]!
  return {
    scheme,
    host: (match[2] ?? match[3])!.toLowerCase(),
    port,
    pathAndQuery: rest.startsWith('?') ? `/${rest}` : rest,
  }
}

function hasControlOrSpace(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code <= 0x20 || code === 0x7f) return true
  }
  return false
}

function refuse(message: string): ProtocolError {
  return new ProtocolError('TRACKER_URL', message)
}
