import { parseIp } from '@shoal/protocol/ip-address'
import { EngineError, type EngineErrorCode } from '../base/errors.ts'
import type {
  ByteStream,
  DatagramSocket,
  DialOptions,
  Endpoint,
  HttpRequest,
  HttpResponse,
  Listener,
  ListenOptions,
  Network,
} from '../ports/network.ts'
import { POISON, SimByteStream } from './byte-stream.ts'
import { simulateGet } from './http.ts'
import type { SimNetwork } from './network.ts'

const FIRST_OWN_PORT = 49_152
const LAST_PORT = 65_535
/** Below this only the system's administrator may listen. */
const FIRST_FREE_PORT = 1024
const NAME_LOOKUP_MS = 1
/** A lost or unanswered call to connect is repeated after this. */
const DIAL_AGAIN_MS = 1000
/** What fits into one UDP datagram over IPv4. */
const LONGEST_DATAGRAM_BYTES = 65_507

interface OpenDatagrams {
  readonly family: 4 | 6
  readonly onDatagram: (bytes: Uint8Array, from: Endpoint) => void
}

/** The network as one simulated host sees it. */
export class SimHost implements Network {
  readonly address: string
  readonly #world: SimNetwork
  readonly #listeners = new Map<number, (stream: ByteStream) => void>()
  readonly #datagrams = new Map<number, OpenDatagrams>()
  #nextPort = FIRST_OWN_PORT
  #isDead = false

  constructor(world: SimNetwork, address: string) {
    this.#world = world
    this.address = address
  }

  dial(remote: Endpoint, options: DialOptions): Promise<ByteStream> {
    const world = this.#world
    const { system } = world
    const doing = `Cannot connect to ${remote.host.includes(':') ? `[${remote.host}]` : remote.host}:${remote.port}`
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs } = options
      let isSettled = false
      const settle = (code?: EngineErrorCode, reason?: string): boolean => {
        if (isSettled) return false
        isSettled = true
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
        if (code !== undefined && !this.#isDead) reject(new EngineError(code, `${doing}: ${reason}`))
        return !this.#isDead
      }
      const onAbort = (): void => {
        settle('CLOSED', 'it was called off.')
      }
      const timer = system.after(timeoutMs, () => settle('NETWORK_TIMEOUT', `no answer within ${timeoutMs / 1000} s.`))
      if (parseIp(remote.host) === undefined || !isPort(remote.port)) {
        settle('NETWORK_FAILED', 'that is not an IP address with a port from 1 to 65535.')
        return
      }
      if (signal?.aborted === true) {
        onAbort()
        return
      }
      signal?.addEventListener('abort', onAbort)
      const isLoopback = remote.host === '127.0.0.1' || remote.host === '::1'
      const target = isLoopback ? this.address : remote.host
      const { latencyMs } = world.linkBetween(this.address, target)
      const callAgain = (): void => {
        if (!isSettled) system.schedule(DIAL_AGAIN_MS, call)
      }
      const call = (): void => {
        const { loss } = world.linkBetween(this.address, target)
        if (world.random.chance(Math.min(loss, 0.9))) callAgain()
        else system.schedule(latencyMs, answer)
      }
      const answer = (): void => {
        if (isSettled) return
        if (world.isCut(this.address, target) || world.isCut(target, this.address)) {
          callAgain()
          return
        }
        const host = world.find(target)
        if (host === undefined) {
          settle('NETWORK_UNREACHABLE', 'this machine has no way there (EHOSTUNREACH).')
        } else if (target === this.address || world.isReachable(target)) {
          const accept = host.#listeners.get(remote.port)
          if (accept === undefined) {
            system.schedule(latencyMs, () => settle('NETWORK_REFUSED', 'nobody listens there, or a firewall refuses it.'))
          } else {
            const here = isLoopback ? remote.host : this.address
            system.schedule(latencyMs, () => {
              if (settle()) resolve(this.#connect(host, remote, { host: here, port: this.#takePort() }, accept, latencyMs))
            })
          }
        } // behind a firewall nobody answers
      }
      call()
    })
  }

  async listen(options: ListenOptions, onStream: (stream: ByteStream) => void): Promise<Listener> {
    const port = this.#claimPort(options.port, 'TCP', this.#listeners)
    this.#listeners.set(port, onStream)
    await this.#pass(0)
    return {
      port,
      close: async () => {
        if (this.#listeners.get(port) === onStream) this.#listeners.delete(port)
        await this.#pass(0)
      },
    }
  }

  async openDatagrams(
    options: { readonly family: 4 | 6; readonly port?: number },
    onDatagram: (bytes: Uint8Array, from: Endpoint) => void,
  ): Promise<DatagramSocket> {
    const port = this.#claimPort(options.port ?? 0, 'UDP', this.#datagrams)
    const open: OpenDatagrams = { family: options.family, onDatagram }
    this.#datagrams.set(port, open)
    await this.#pass(0)
    return {
      port,
      send: (bytes, to) => {
        if (this.#datagrams.get(port) === open) this.#sendDatagram(bytes.slice(), port, to, options.family)
      },
      close: () => {
        if (this.#datagrams.get(port) === open) this.#datagrams.delete(port)
      },
    }
  }

  async resolve(host: string): Promise<readonly string[]> {
    if (parseIp(host) !== undefined) return [host]
    await this.#pass(NAME_LOOKUP_MS)
    if (host === 'localhost') return ['127.0.0.1']
    const addresses = this.#world.addressesOf(host)
    if (addresses === undefined) {
      throw new EngineError('NETWORK_NAME_UNKNOWN', `Cannot find the address of "${host}": the name has no address. Check its spelling.`)
    }
    return addresses
  }

  get(request: HttpRequest): Promise<HttpResponse> {
    return simulateGet(this.#world, this, request)
  }

  /** Its process was killed: nothing it held is there any more, and what it still tries does nothing. */
  die(): void {
    this.#isDead = true
    this.#listeners.clear()
    this.#datagrams.clear()
  }

  /** Both ends of a new connection. The accepting side learns of it one trip later than the dialling one. */
  #connect(host: SimHost, remote: Endpoint, here: Endpoint, accept: (stream: ByteStream) => void, latencyMs: number): SimByteStream {
    const world = this.#world
    const dialed = world.makeStream(this.address, host.address, remote)
    const accepted = world.makeStream(host.address, this.address, here)
    SimByteStream.join(dialed, accepted)
    accepted.opensAt(world.system.now() + latencyMs)
    world.system.log(`connect ${this.address} -> ${host.address}:${remote.port}`)
    world.system.schedule(latencyMs, () => {
      if (host.#listeners.get(remote.port) === accept) accept(accepted)
      else accepted.reset() // it stopped listening in this very moment
    })
    return dialed
  }

  #sendDatagram(bytes: Uint8Array, port: number, to: Endpoint, family: 4 | 6): void {
    if (this.#isDead || to.host.includes(':') !== (family === 6) || parseIp(to.host) === undefined || !isPort(to.port)) return
    if (bytes.length > LONGEST_DATAGRAM_BYTES) return
    const world = this.#world
    const isLoopback = to.host === '127.0.0.1' || to.host === '::1'
    const target = isLoopback ? this.address : to.host
    const from = { host: isLoopback ? to.host : this.address, port }
    const { latencyMs, jitterMs, loss, duplication } = world.linkBetween(this.address, target)
    if (world.random.chance(loss)) return
    const copies = world.random.chance(duplication) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const travelMs = latencyMs + (jitterMs > 0 ? world.random.fraction() * jitterMs : 0)
      world.system.schedule(travelMs, () => {
        if (world.isCut(this.address, target)) return
        const host = world.find(target)
        if (host !== undefined) host.#receiveDatagram(bytes.slice(), to.port, from, family)
      })
    }
  }

  #receiveDatagram(bytes: Uint8Array, port: number, from: Endpoint, family: 4 | 6): void {
    const open = this.#datagrams.get(port)
    if (open === undefined || open.family !== family) return
    this.#world.system.note(bytes.length)
    open.onDatagram(bytes, from)
    bytes.fill(POISON)
  }

  #claimPort(wanted: number, protocol: 'TCP' | 'UDP', taken: ReadonlyMap<number, unknown>): number {
    const cannot = `Cannot listen on ${protocol} port ${wanted}`
    if (this.#isDead) throw new EngineError('CLOSED', `${cannot}: the process is gone.`)
    if (wanted === 0) {
      for (;;) {
        const port = this.#takePort()
        if (!taken.has(port)) return port
      }
    }
    if (!isPort(wanted)) throw new EngineError('NETWORK_FAILED', `${cannot}: a port is a number from 1 to 65535.`)
    if (wanted < FIRST_FREE_PORT) {
      throw new EngineError('PORT_NOT_ALLOWED', `${cannot}: this user may not. Choose a port from 1024 to 65535.`)
    }
    if (taken.has(wanted)) {
      throw new EngineError('PORT_IN_USE', `${cannot}: another program has it. Stop that program, or choose another port.`)
    }
    return wanted
  }

  #takePort(): number {
    const port = this.#nextPort
    this.#nextPort = port === LAST_PORT ? FIRST_OWN_PORT : port + 1
    return port
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.system.schedule(ms, resolve)
    })
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= LAST_PORT
}
