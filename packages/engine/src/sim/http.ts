import { parseIp } from '@shoal/protocol/ip-address'
import { EngineError } from '../base/errors.ts'
import type { HttpRequest, HttpResponse } from '../ports/network.ts'
import type { SimHost } from './host.ts'
import type { SimNetwork } from './network.ts'

/** What a simulated web server answers. */
export interface SimHttpAnswer {
  readonly status: number
  readonly body: Uint8Array
  /** With a 3xx status: where to ask instead. */
  readonly location?: string
  /** How long the server thinks. */
  readonly delayMs?: number
}

/** `target` is path and query as sent (latin1, percent-encoded); `from` is the address of the asking host. */
export type HttpHandler = (target: string, from: string) => SimHttpAnswer | Promise<SimHttpAnswer>

interface UrlParts {
  readonly origin: string
  readonly scheme: string
  readonly host: string
  readonly port: number
  readonly target: string
}

const MAX_REDIRECTS = 5
const URL_FORM = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[^/:?#@]+)(?::([0-9]{1,5}))?([/?][^#]*)?(?:#.*)?$/i
/** A server that cannot be reached now is tried again this often, as TCP would. */
const RETRY_MS = 1000

/** The key of a server: scheme, host and port, with the port always there. */
export function originOf(url: string): string {
  return parseUrl(url).origin
}

/** GET in the simulated world, with the errors of the real one. */
export function simulateGet(world: SimNetwork, client: SimHost, request: HttpRequest): Promise<HttpResponse> {
  const { system } = world
  return new Promise((resolve, reject) => {
    const { signal } = request
    const timer = system.after(request.timeoutMs, () => {
      const text = `Cannot reach the tracker ${hostOf(request.url)}: no complete answer within ${request.timeoutMs / 1000} s.`
      fail(new EngineError('TRACKER_TIMEOUT', text))
    })
    const finish = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', onAbort)
    }
    const fail = (error: Error): void => {
      finish()
      reject(error)
    }
    const onAbort = (): void => fail(new EngineError('CLOSED', `Asking ${hostOf(request.url)} was called off.`))
    if (signal?.aborted === true) {
      onAbort()
      return
    }
    signal?.addEventListener('abort', onAbort)
    follow(world, client, request).then((response) => {
      finish()
      resolve(response)
    }, fail)
  })
}

async function follow(world: SimNetwork, client: SimHost, request: HttpRequest): Promise<HttpResponse> {
  let url = parseUrl(request.url)
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await ask(world, client, url, request.family)
    if (answer.status >= 300 && answer.status < 400 && answer.location !== undefined) {
      url = parseUrl(answer.location.startsWith('/') ? `${url.origin}${answer.location}` : answer.location)
      continue
    }
    if (answer.body.length > request.maxBytes) {
      const text = `Cannot read the answer of the tracker ${url.host}: it is larger than ${request.maxBytes} bytes. Tell who runs it.`
      throw new EngineError('TRACKER_RESPONSE_TOO_LARGE', text)
    }
    return { status: answer.status, body: answer.body.slice() }
  }
  const text = `Cannot use the tracker ${hostOf(request.url)}: it redirects more than ${MAX_REDIRECTS} times. Tell who runs it.`
  throw new EngineError('TRACKER_INVALID_RESPONSE', text)
}

async function ask(world: SimNetwork, client: SimHost, url: UrlParts, family: 4 | 6 | undefined): Promise<SimHttpAnswer> {
  const addresses = (await client.resolve(url.host)).filter((address) => family === undefined || address.includes(':') === (family === 6))
  const address = addresses[0]
  if (address === undefined) {
    throw new EngineError('TRACKER_UNREACHABLE', `Cannot reach the tracker ${url.host}: it has no IPv${family} address.`)
  }
  while (world.isCut(client.address, address) || world.isCut(address, client.address)) await pass(world, RETRY_MS)
  const { latencyMs } = world.linkBetween(client.address, address)
  await pass(world, 3 * latencyMs) // there and back for the connection, there for the request
  const handler = addresses
    .map((each) => world.httpHandler(`${url.scheme}://${bracketed(each)}:${url.port}`))
    .concat(world.httpHandler(url.origin))
    .find((each) => each !== undefined)
  if (handler === undefined) {
    throw new EngineError('TRACKER_UNREACHABLE', `Cannot reach the tracker ${url.host}: nobody listens there, or a firewall refuses it.`)
  }
  world.system.log(`get ${client.address} -> ${url.origin}${url.target}`)
  const answer = await handler(url.target, client.address)
  await pass(world, latencyMs + (answer.delayMs ?? 0))
  while (world.isCut(client.address, address) || world.isCut(address, client.address)) await pass(world, RETRY_MS)
  return answer
}

function pass(world: SimNetwork, ms: number): Promise<void> {
  return new Promise((resolve) => {
    world.system.schedule(ms, resolve)
  })
}

function parseUrl(text: string): UrlParts {
  const [, scheme = '', host = '', port, target = '/'] = URL_FORM.exec(text) ?? []
  const name = scheme.toLowerCase()
  if (name !== 'http' && name !== 'https') {
    throw new EngineError(
      'TRACKER_URL_REFUSED',
      'Cannot use a tracker: its address is not an http or https URL without a password. Check the link.',
    )
  }
  const bare = (host.startsWith('[') ? host.slice(1, -1) : host).toLowerCase()
  const number = port === undefined ? (name === 'https' ? 443 : 80) : Number(port)
  return {
    origin: `${name}://${bracketed(bare)}:${number}`,
    scheme: name,
    host: bare,
    port: number,
    target: target.startsWith('/') ? target : `/${target}`,
  }
}

function bracketed(host: string): string {
  return host.includes(':') && parseIp(host) !== undefined ? `[${host}]` : host
}

function hostOf(url: string): string {
  return URL_FORM.exec(url)?.[2] ?? 'with a broken address'
}
