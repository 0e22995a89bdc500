import { EngineError } from '../base/errors.ts'
import { SimByteStream } from './byte-stream.ts'
import { SimHost } from './host.ts'
import { type HttpHandler, originOf } from './http.ts'
import { DEFAULT_LINK, DEFAULT_STREAM, type HostOptions, type LinkOptions, Path, type StreamOptions, Wire } from './path.ts'
import type { Random } from './random.ts'
import type { SimSystem } from './system.ts'

export interface SimNetworkOptions {
  /** For every pair of hosts that has no link of its own. */
  readonly link?: Partial<LinkOptions>
  readonly stream?: Partial<StreamOptions>
}

interface HostPlace {
  readonly host: SimHost
  readonly uplink: Wire
  readonly downlink: Wire
  readonly isReachable: boolean
}

/** Between the processes of one machine. */
const LOOPBACK: Readonly<LinkOptions> = Object.freeze({ latencyMs: 0.05, jitterMs: 0, loss: 0, duplication: 0 })

/**
 * A whole network: hosts by address, the links between them, names, web servers, and everything that can go wrong with them.
 * What a host sees of it is its `SimHost`, the twin of the machine's own network.
 */
export class SimNetwork {
  readonly system: SimSystem
  readonly random: Random
  readonly #link: LinkOptions
  readonly #stream: StreamOptions
  readonly #hosts = new Map<string, HostPlace>()
  readonly #links = new Map<string, LinkOptions>()
  readonly #cuts = new Set<string>()
  readonly #silent = new Set<string>()
  readonly #streams = new Set<SimByteStream>()
  readonly #names = new Map<string, readonly string[]>()
  readonly #httpHandlers = new Map<string, HttpHandler>()

  constructor(system: SimSystem, options: SimNetworkOptions = {}) {
    this.system = system
    this.random = system.random.fork('network')
    this.#link = { ...DEFAULT_LINK, ...options.link }
    this.#stream = { ...DEFAULT_STREAM, ...options.stream }
  }

  /** The network as the host with this IP address sees it; the same one each time, until it was killed. */
  host(address: string, options: HostOptions = {}): SimHost {
    const known = this.#hosts.get(address)
    if (known !== undefined) return known.host
    const host = new SimHost(this, address)
    this.#hosts.set(address, {
      host,
      uplink: new Wire(this.system, options.upBytesPerSecond ?? Infinity),
      downlink: new Wire(this.system, options.downBytesPerSecond ?? Infinity),
      isReachable: options.isReachable ?? true,
    })
    return host
  }

  /** Changes the link between two hosts; what is on its way already is not touched. */
  setLink(one: string, two: string, options: Partial<LinkOptions>): void {
    const link = { ...this.linkBetween(one, two), ...options }
    this.#links.set(pairOf(one, two), link)
    this.#links.set(pairOf(two, one), link)
  }

  /** Nothing passes between the groups, in either direction, until `heal`. Streams stay open and silent. */
  partition(group: readonly string[], others: readonly string[]): void {
    for (const one of group) {
      for (const two of others) {
        this.cutOneWay(one, two)
        this.cutOneWay(two, one)
      }
    }
  }

  /** Nothing passes from one host to the other. Datagrams still pass the other way; streams need both. */
  cutOneWay(from: string, to: string): void {
    this.#cuts.add(pairOf(from, to))
  }

  /** Ends all partitions. */
  heal(): void {
    this.#cuts.clear()
    this.#releaseAll()
  }

  /** The host says nothing more and hears nothing, and nobody is told: a stopped process, a pulled cable. */
  silence(address: string): void {
    this.#silent.add(address)
  }

  unsilence(address: string): void {
    this.#silent.delete(address)
    this.#releaseAll()
  }

  /** Every connection between the two is torn down with a reset. */
  reset(one: string, two: string): void {
    for (const stream of this.#streams) {
      const { from, to } = stream.path
      if ((from === one && to === two) || (from === two && to === one)) stream.reset()
    }
  }

  /** The process on this host is killed: its streams, listeners and sockets are gone. `host` then gives a new one. */
  kill(address: string): void {
    const place = this.#hosts.get(address)
    if (place === undefined) return
    this.system.log(`kill ${address}`)
    this.#hosts.delete(address)
    place.host.die()
    for (const stream of this.#streams) {
      if (stream.path.from === address) stream.kill()
    }
  }

  /** What a name resolves to; nothing takes the name away. */
  setName(name: string, addresses: readonly string[]): void {
    if (addresses.length === 0) this.#names.delete(name)
    else this.#names.set(name, addresses)
  }

  /** Answers GET for an origin such as `http://10.0.0.1:6880`; undefined stops it. */
  serveHttp(origin: string, handler: HttpHandler | undefined): void {
    const key = originOf(origin)
    if (handler === undefined) this.#httpHandlers.delete(key)
    else this.#httpHandlers.set(key, handler)
  }

  /** How many stream ends are open: a test that closes everything expects none. */
  get openStreams(): number {
    return this.#streams.size
  }

  // What hosts ask of the world.

  find(address: string): SimHost | undefined {
    return this.#hosts.get(address)?.host
  }

  isReachable(address: string): boolean {
    return this.#hosts.get(address)?.isReachable === true
  }

  linkBetween(one: string, two: string): LinkOptions {
    if (one === two) return LOOPBACK
    return this.#links.get(pairOf(one, two)) ?? this.#link
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(pairOf(from, to)) || this.#silent.has(from) || this.#silent.has(to)
  }

  addressesOf(name: string): readonly string[] | undefined {
    return this.#names.get(name)
  }

  httpHandler(origin: string): HttpHandler | undefined {
    return this.#httpHandlers.get(origin)
  }

  /** The end at `from` of a connection to `to`, of which the other side is seen as `remote`. */
  makeStream(from: string, to: string, remote: { readonly host: string; readonly port: number }): SimByteStream {
    const place = this.#hosts.get(from)
    if (place === undefined) throw new EngineError('CLOSED', `Cannot use the network of ${from}: its process is gone.`)
    const path = new Path({
      from,
      to,
      random: this.random,
      stream: this.#stream,
      uplink: place.uplink,
      downlink: place.downlink,
      link: () => this.linkBetween(from, to),
      isCut: () => this.isCut(from, to) || this.isCut(to, from),
    })
    const stream = new SimByteStream(this.system, path, remote, (gone) => this.#streams.delete(gone))
    this.#streams.add(stream)
    return stream
  }

  #releaseAll(): void {
    for (const stream of this.#streams) stream.release()
  }
}

function pairOf(from: string, to: string): string {
  return `${from} ${to}`
}
