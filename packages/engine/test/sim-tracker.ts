import { encodeUtf8, toHex } from '@shoal/protocol/bytes'
import { encodeCompactPeers4, encodeCompactPeers6 } from '@shoal/protocol/tracker/announce'
import { encodeAnnounceReply, encodeFailure } from '@shoal/protocol/tracker/http'
import { parseAnnounceQuery } from '@shoal/protocol/tracker/http-query'
import type { SimHttpAnswer } from '../src/sim/http.ts'
import type { SimNetwork } from '../src/sim/network.ts'
import type { Random } from '../src/sim/random.ts'

interface Announced {
  readonly host: string
  readonly port: number
  readonly left: number
}

/** How the tracker behaves at the moment. */
export type TrackerMood = 'well' | 'garbage' | 'refusing'

/** A small tracker in memory, on a simulated host. Peers stay until they say that they stop. */
export class SimTracker {
  readonly origin: string
  readonly announceUrl: string
  /** Of each announce: event (or `-`) and who. */
  readonly announces: string[] = []
  mood: TrackerMood = 'well'
  readonly #network: SimNetwork
  readonly #random: Random
  readonly #swarms = new Map<string, Map<string, Announced>>()

  constructor(network: SimNetwork, address: string) {
    this.#network = network
    this.#random = network.system.random.fork(`tracker ${address}`)
    network.host(address)
    this.origin = `http://${address}:6880`
    this.announceUrl = `${this.origin}/announce`
    this.open()
  }

  open(): void {
    this.#network.serveHttp(this.origin, (target, from) => this.#answer(target, from))
  }

  /** Nobody listens there any more. */
  close(): void {
    this.#network.serveHttp(this.origin, undefined)
  }

  #answer(target: string, from: string): SimHttpAnswer {
    if (this.mood === 'garbage') return { status: 200, body: encodeUtf8('<html>Welcome to the hotel network</html>') }
    if (this.mood === 'refusing') return { status: 200, body: encodeFailure({ failureReason: 'not today' }) }
    const request = parseAnnounceQuery(target.slice(target.indexOf('?') + 1))
    const key = toHex(request.infoHash)
    const swarm = this.#swarms.get(key) ?? new Map<string, Announced>()
    this.#swarms.set(key, swarm)
    const id = `${from}:${request.port}`
    this.announces.push(`${request.event ?? '-'} ${id}`)
    if (request.event === 'stopped') swarm.delete(id)
    else swarm.set(id, { host: from, port: request.port, left: request.left })
    const others = [...swarm.values()].filter((peer) => peer.host !== from || peer.port !== request.port)
    const peers = this.#some(others, request.numWant ?? 50)
    const complete = [...swarm.values()].filter(({ left }) => left === 0).length
    return {
      status: 200,
      body: encodeAnnounceReply(
        {
          intervalSeconds: 120,
          complete,
          incomplete: swarm.size - complete,
          peers4: encodeCompactPeers4(peers.filter(({ host }) => !host.includes(':'))),
          peers6: encodeCompactPeers6(peers.filter(({ host }) => host.includes(':'))),
        },
        { compact: true },
      ),
    }
  }

  #some(peers: Announced[], count: number): Announced[] {
    for (let last = peers.length - 1; last > 0; last--) {
      const other = this.#random.below(last + 1)
      ;[peers[last], peers[other]] = [peers[other]!, peers[last]!]
    }
    return peers.slice(0, count)
  }
}
