import { type LookupAddress, lookup } from 'node:dns'
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP } from 'node:net'
import { ProblemError } from '@shoal/api/problem'
import { MAX_METAINFO_BYTES } from '@shoal/protocol/metainfo/metainfo'
import { isInternalAddress } from './internal-address.ts'

const MAX_REDIRECTS = 5
const TIMEOUT_MS = 30_000
const MAX_HEADER_BYTES = 16 * 1024

export interface TorrentDownloadOptions {
  readonly signal?: AbortSignal
  /** Whether an address belongs to a network that is not public; for tests. */
  readonly isInternal?: (ip: string) => boolean
}

/**
 * A .torrent file from the web (SAFETY T4): http and https, no names and passwords, no more bytes than a torrent may have. A
 * public server cannot send us into this machine or its networks: after it, an internal address is refused. What is checked
 * is the address that is connected to.
 *
 * @throws {ProblemError} `VALIDATION`, `TORRENT_INVALID`, `TOO_LARGE`, `NOT_FOUND`
 */
export async function downloadTorrent(address: string, options: TorrentDownloadOptions = {}): Promise<Uint8Array> {
  const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(options.signal === undefined ? [] : [options.signal])])
  const isInternal = options.isInternal ?? isInternalAddress
  let url = readUrl(address, undefined)
  let hasBeenPublic = false
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await get(url, signal, (ip) => {
      if (!isInternal(ip)) hasBeenPublic = true
      else if (hasBeenPublic) throw refusal(url, `it leads from a public server to ${ip} inside this network`)
    })
    if (answer.body !== undefined) return answer.body
    url = readUrl(answer.location, url)
  }
  throw refusal(url, `it leads on more than ${MAX_REDIRECTS} times`)
}

type Answer = { readonly body: Uint8Array; readonly location?: undefined } | { readonly body?: undefined; readonly location: string }

function get(url: URL, signal: AbortSignal, check: (ip: string) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(asProblem(url, error))
    const literal = url.hostname.replace(/^\[|\]$/g, '')
    try {
      if (isIP(literal) !== 0) check(literal)
    } catch (error) {
      fail(error)
      return
    }
    const { request } = url.protocol === 'https:' ? https : http
    const sent = request(
      url,
      {
        signal,
        agent: false,
        maxHeaderSize: MAX_HEADER_BYTES,
        headers: { accept: 'application/x-bittorrent, */*;q=0.5', 'accept-encoding': 'identity', 'user-agent': 'shoal' },
        // Names are looked up once, and what was checked is what is connected to.
        lookup: (name, lookupOptions, callback) => {
          lookup(name, { ...lookupOptions, all: true }, (error, found) => {
            if (error !== null) return callback(error, [])
            try {
              for (const { address } of found) check(address)
              give(callback, found, lookupOptions.all === true)
            } catch (refused) {
              callback(refused as NodeJS.ErrnoException, [])
            }
          })
        },
      },
      (response) => {
        const { statusCode = 0, headers } = response
        if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
          response.destroy()
          resolve({ location: headers.location })
          return
        }
        if (statusCode !== 200) {
          response.destroy()
          fail(new ProblemError('NOT_FOUND', `Cannot get ${shown(url)}: the server answers ${statusCode}. Check the address`))
          return
        }
        collect(response).then((body) => resolve({ body }), fail)
        response.on('error', fail)
      },
    )
    sent.on('error', fail)
    sent.end()
  })
}

function give(
  callback: (error: null, address: string | LookupAddress[], family?: number) => void,
  found: LookupAddress[],
  all: boolean,
): void {
  if (all) callback(null, found)
  else callback(null, found[0]!.address, found[0]!.family)
}

async function collect(response: http.IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length
    if (length > MAX_METAINFO_BYTES) {
      response.destroy()
      throw new ProblemError(
        'TOO_LARGE',
        `Cannot take the torrent: it is larger than ${MAX_METAINFO_BYTES} bytes. Is it the content itself?`,
      )
    }
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

function readUrl(text: string, base: URL | undefined): URL {
  const url = URL.parse(text, base?.href)
  if (url === null) throw new ProblemError('VALIDATION', `'${text.slice(0, 200)}' is no address of a .torrent file`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refusal(url, 'only http and https are fetched')
  if (url.username !== '' || url.password !== '') throw refusal(url, 'names and passwords in addresses are not sent')
  return url
}

function refusal(url: URL, why: string): ProblemError {
  return new ProblemError('VALIDATION', `Cannot get ${shown(url)}: ${why}`)
}

function asProblem(url: URL, error: unknown): unknown {
  if (error instanceof ProblemError) return error
  if (!(error instanceof Error)) return error
  const why = error.name === 'TimeoutError' ? `no answer within ${TIMEOUT_MS / 1000} s` : error.message
  return new ProblemError(
    'NOT_FOUND',
    `Cannot get ${shown(url)}: ${why}. Check the address, or download the file yourself`,
    {},
    {
      cause: error,
    },
  )
}

/** Without its query, which may be a key. */
function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`.slice(0, 200)
}
