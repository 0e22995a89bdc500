import type { IncomingMessage } from 'node:http'
import { isIP, isIPv4 } from 'node:net'
import { promisify } from 'node:util'
import { gunzip, inflate, inflateRaw } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import type { HttpRequest, HttpResponse } from '../ports/network.ts'
import { type AddressReach, REACH_ORDER } from './address.ts'
import { errorCode, networkError } from './system-error.ts'

const USER_AGENT = 'Shoal/0.1.0'
const MAX_HEADER_BYTES = 16 * 1024
const MAX_REDIRECTS = 5
/** More than this is not compression but a bomb (SAFETY F8). */
const MAX_INFLATION = 100
/** Below this a high ratio harms nobody: a peer list of zeros compresses well. */
const HARMLESS_BYTES = 64 * 1024

/**
 * Asked for when a tracker is, not imported: an import reads every export of the module, and one of these (`WebSocket`)
 * loads a whole web client. That took 10 ms of every start.
 */
const plainHttp = () => process.getBuiltinModule('node:http')
const secureHttp = () => process.getBuiltinModule('node:https')

/** What `httpGet` needs to know of the network. */
export interface AddressBook {
  /** IP literals of a host. */
  resolve(host: string): Promise<readonly string[]>
  readonly reachOf: (address: string) => AddressReach
}

/** An address that was judged, and how far in it lies. */
interface Candidate {
  readonly address: string
  readonly reach: number
}

/**
 * GET for trackers, on the platform's own HTTP parser, suspicious of everything (SAFETY P8, F8, T4): `http` and `https`
 * only, no credentials, bounded headers, body, time and redirects.
 *
 * A name is resolved once, and what we connect to is the very address that was judged, so a name server that answers
 * differently the second time gains nothing. A redirect may not lead further in than the page it came from.
 * Certificates are always verified.
 */
export async function httpGet(request: HttpRequest, book: AddressBook): Promise<HttpResponse> {
  const stop = new AbortController()
  const onAbort = (): void => stop.abort(new EngineError('CLOSED', `Asking ${hostOf(request.url)} was called off.`))
  if (request.signal?.aborted === true) onAbort()
  request.signal?.addEventListener('abort', onAbort)
  const seconds = request.timeoutMs / 1000
  const timer = setTimeout(() => {
    const text = `Cannot reach the tracker ${hostOf(request.url)}: no complete answer within ${seconds} s.`
    stop.abort(new EngineError('TRACKER_TIMEOUT', text))
  }, request.timeoutMs)
  const stopped = new Promise<never>((_, reject) => {
    if (stop.signal.aborted) reject(stop.signal.reason as Error)
    else stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error), { once: true })
  })
  try {
    // The race ends what no signal reaches: a name server that does not answer.
    return await Promise.race([followRedirects(request, book, stop.signal), stopped])
  } finally {
    clearTimeout(timer)
    request.signal?.removeEventListener('abort', onAbort)
  }
}

async function followRedirects(request: HttpRequest, book: AddressBook, signal: AbortSignal): Promise<HttpResponse> {
  let url = parseUrl(request.url)
  let allowedReach: number = REACH_ORDER.local
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const candidates = await checkedAddresses(url, request.family, book, allowedReach)
    const { response, reach } = await connectToAny(url, candidates, signal)
    const location = redirectTarget(response)
    if (location === undefined) return { status: response.statusCode ?? 0, body: await readBody(response, url, request.maxBytes, signal) }
    response.destroy()
    url = parseUrl(location, url)
    allowedReach = reach
  }
  throw new EngineError(
    'TRACKER_INVALID_RESPONSE',
    `Cannot use the tracker ${hostOf(request.url)}: it redirects more than ${MAX_REDIRECTS} times. Tell who runs it.`,
  )
}

function parseUrl(text: string, base?: URL): URL {
  let url: URL
  try {
    url = base === undefined ? new URL(text) : new URL(text, base)
  } catch (error) {
    throw new EngineError('TRACKER_URL_REFUSED', 'Cannot use a tracker: its address is not a URL. Check the link.', { cause: error })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refused(url, `its address begins with "${url.protocol}". Only http and https are spoken here.`)
  }
  if (url.username !== '' || url.password !== '') throw refused(url, 'its address holds a user name or password. Remove it.')
  return url
}

async function checkedAddresses(
  url: URL,
  family: 4 | 6 | undefined,
  book: AddressBook,
  allowedReach: number,
): Promise<readonly Candidate[]> {
  const host = bareHost(url)
  const all = await book.resolve(host)
  const addresses = family === undefined ? all : all.filter((address) => isIPv4(address) === (family === 4))
  if (addresses.length === 0) {
    throw new EngineError('TRACKER_UNREACHABLE', `Cannot reach the tracker ${url.host}: it has no IPv${family} address.`)
  }
  return addresses.map((address) => {
    const reach = book.reachOf(address)
    if (reach === 'none') throw refused(url, `${address} is not the address of a server.`)
    if (reach === 'local' && !/\/(?:announce|scrape)/.test(url.pathname)) {
      throw refused(url, 'it is on this machine, and its path is not that of an announce address.')
    }
    if (REACH_ORDER[reach] > allowedReach) throw refused(url, `a tracker further out redirects to this ${reach} address (${address}).`)
    return { address, reach: REACH_ORDER[reach] }
  })
}

/** Tries the addresses of a name one after another: `localhost` is often two of which one listens. */
async function connectToAny(
  url: URL,
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<{ readonly response: IncomingMessage; readonly reach: number }> {
  let firstError: unknown
  for (const { address, reach } of candidates) {
    try {
      return { response: await requestOnce(url, address, signal), reach }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      firstError ??= error
    }
  }
  throw requestError(firstError, url)
}

function requestOnce(url: URL, address: string, signal: AbortSignal): Promise<IncomingMessage> {
  const host = bareHost(url)
  return new Promise((resolve, reject) => {
    const options = {
      host: address,
      port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
      path: url.pathname + url.search,
      headers: { Host: url.host, 'User-Agent': USER_AGENT, Accept: '*/*', 'Accept-Encoding': 'gzip, deflate', Connection: 'close' },
      agent: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      signal,
    } as const
    const request =
      url.protocol === 'https:'
        ? secureHttp().request({ ...options, rejectUnauthorized: true, servername: isIP(host) === 0 ? host : '' })
        : plainHttp().request(options)
    request.once('response', resolve)
    request.on('error', reject)
    request.once('upgrade', (_response, socket) => {
      socket.destroy()
      reject(new EngineError('TRACKER_INVALID_RESPONSE', `Cannot use the tracker ${url.host}: it answers with another protocol.`))
    })
    request.end()
  })
}

function redirectTarget(response: IncomingMessage): string | undefined {
  switch (response.statusCode) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return response.headers.location
    default:
      return undefined
  }
}

async function readBody(response: IncomingMessage, url: URL, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    response.destroy()
    throw tooLarge(url, maxBytes)
  }
  const chunks: Buffer[] = []
  let byteCount = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      byteCount += chunk.length
      if (byteCount > maxBytes) throw tooLarge(url, maxBytes) // leaving the loop destroys the response
      chunks.push(chunk)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw requestError(error, url)
  }
  const body = Buffer.concat(chunks, byteCount)
  return decompress(body, response.headers['content-encoding'] ?? 'identity', url, maxBytes)
}

async function decompress(body: Buffer, encoding: string, url: URL, maxBytes: number): Promise<Uint8Array> {
  const limits = { maxOutputLength: Math.max(1, Math.min(maxBytes, Math.max(HARMLESS_BYTES, body.length * MAX_INFLATION))) }
  try {
    switch (encoding.trim().toLowerCase()) {
      case 'identity':
      case '':
        return plainBytes(body)
      case 'gzip':
      case 'x-gzip':
        return plainBytes(await promisify(gunzip)(body, limits))
      case 'deflate': // with the zlib header as it should be, or without as some servers send it
        return plainBytes(await promisify(((body[0] ?? 0) & 0x0f) === 8 ? inflate : inflateRaw)(body, limits))
    }
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(url, limits.maxOutputLength, error)
    throw new EngineError('TRACKER_INVALID_RESPONSE', `Cannot read the answer of the tracker ${url.host}: its compression is broken.`, {
      cause: error,
    })
  }
  throw new EngineError('TRACKER_INVALID_RESPONSE', `Cannot read the answer of the tracker ${url.host}: it is packed as "${encoding}".`)
}

/** Not a `Buffer`: its `slice` shares where everybody else's copies. */
function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}

function requestError(error: unknown, url: URL): EngineError {
  if (error instanceof EngineError) return error
  const code = errorCode(error) ?? ''
  if (code === 'HPE_HEADER_OVERFLOW') return tooLarge(url, MAX_HEADER_BYTES, error)
  if (code.startsWith('HPE_')) {
    return new EngineError('TRACKER_INVALID_RESPONSE', `Cannot use the tracker ${url.host}: it does not speak HTTP. Check its port.`, {
      cause: error,
    })
  }
  const doing = `Cannot reach the tracker ${url.host}`
  if (code.startsWith('CERT_') || code.startsWith('ERR_TLS') || code.includes('SIGNED') || code.startsWith('UNABLE_TO')) {
    const text = `${doing}: its certificate cannot be trusted (${code}). Do not go on unless you know why.`
    return new EngineError('TRACKER_UNREACHABLE', text, { cause: error })
  }
  return new EngineError('TRACKER_UNREACHABLE', networkError(error, doing).message, { cause: error })
}

function tooLarge(url: URL, maxBytes: number, cause?: unknown): EngineError {
  const text = `Cannot read the answer of the tracker ${url.host}: it is larger than ${maxBytes} bytes. Tell who runs it.`
  return new EngineError('TRACKER_RESPONSE_TOO_LARGE', text, { cause })
}

function refused(url: URL, reason: string): EngineError {
  return new EngineError('TRACKER_URL_REFUSED', `Refused to ask the tracker ${url.host}: ${reason}`)
}

function bareHost(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
}

/** Only the host: a path or query may hold a passkey, and messages end up in logs. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'with a broken address'
}
