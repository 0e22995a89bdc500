import assert from 'node:assert/strict'
import type { EngineError } from '../src/base/errors.ts'
import type { SessionOptions } from '../src/base/options.ts'
import type { Network } from '../src/ports/network.ts'
import { Session } from '../src/session/session.ts'
import { SimDisk, type SimDiskOptions } from '../src/sim/disk.ts'
import { SimHasher } from '../src/sim/hasher.ts'
import { SimNetwork, type SimNetworkOptions } from '../src/sim/network.ts'
import type { HostOptions } from '../src/sim/path.ts'
import { SimSystem } from '../src/sim/system.ts'
import type { Torrent } from '../src/torrent/torrent.ts'
import type { AddTorrent } from '../src/torrent/torrent-source.ts'
import { SimProcess } from './sim-process.ts'
import { SimTracker } from './sim-tracker.ts'
import { type SwarmTorrent, sha1, sha256 } from './swarm-torrent.ts'

export const DIR = '/downloads'
export const STATE = '/state'
const TRACKER_ADDRESS = '10.9.9.9'
/** Long enough for every lingering socket of the simulated systems, and for all that a story has planned. */
const SETTLE_MS = 180_000

export interface WorldOptions extends SimNetworkOptions {
  readonly seed: string | number
}

export interface PeerOptions {
  readonly host?: HostOptions
  readonly disk?: SimDiskOptions
  readonly hashJobMs?: number
  /** What the session sees instead of its simulated host: a liar's network, for instance. */
  readonly network?: (host: Network) => Network
}

/**
 * Machines, a network between them, a tracker, and virtual time: everything that a story about swarms needs, from one
 * seed. What happens is noted in the log of its system, whose digest tells whether two runs were the same.
 */
export class World {
  readonly system: SimSystem
  readonly network: SimNetwork
  readonly tracker: SimTracker
  readonly peers: WorldPeer[] = []

  constructor(options: WorldOptions) {
    this.system = new SimSystem({ seed: options.seed, logLength: 400 })
    this.network = new SimNetwork(this.system, options)
    this.tracker = new SimTracker(this.network, TRACKER_ADDRESS)
  }

  get trackers(): readonly (readonly string[])[] {
    return [[this.tracker.announceUrl]]
  }

  /** A machine with a disk; nothing runs on it yet. */
  peer(name: string, options: PeerOptions = {}): WorldPeer {
    const number = this.peers.length + 1
    const peer = new WorldPeer(this, name, `10.0.${number >> 7}.${(number & 127) + 1}`, options)
    this.peers.push(peer)
    return peer
  }

  /** A machine on which a session runs and shares (or fetches) the torrent. */
  async join(name: string, torrent: SwarmTorrent, options: PeerOptions & JoinOptions = {}): Promise<WorldPeer> {
    const peer = this.peer(name, options)
    if (options.isSeed) torrent.putOn(peer.disk, DIR)
    else if (options.isMissing !== undefined) torrent.putOn(peer.disk, DIR, options.isMissing)
    await this.system.complete(peer.open(options.session))
    peer.add(torrent, options.add)
    return peer
  }

  /** Runs until it holds; fails when it does not hold within the time. Looks at the invariants of everybody once a second. */
  async until(what: string, isReached: () => boolean, limitMs = 120_000): Promise<void> {
    const end = this.system.now() + limitMs
    while (!(await this.system.runUntil(isReached, Math.min(1_000, end - this.system.now())))) {
      this.checkInvariants()
      if (this.system.now() >= end) assert.fail(`not within ${limitMs} ms: ${what} (seed ${this.system.seed})\n${this.report()}`)
    }
    this.checkInvariants()
  }

  async run(ms: number): Promise<void> {
    await this.system.run(ms)
    this.checkInvariants()
  }

  checkInvariants(): void {
    for (const peer of this.peers) for (const torrent of peer.session?.torrents ?? []) torrent.checkInvariants()
  }

  /** For the message of a test that failed: how everybody is doing. */
  report(): string {
    return this.peers.map((peer) => peer.report()).join('\n')
  }

  /** Stops everybody, and makes sure that nothing is left: no timer, no stream, no promise under way. */
  async close(): Promise<void> {
    this.checkInvariants()
    for (const peer of this.peers) await this.system.complete(peer.stop())
    await this.system.run(SETTLE_MS)
    assert.equal(this.network.openStreams, 0, `streams left open (seed ${this.system.seed})`)
    assert.equal(this.system.pendingEvents, 0, `something is still planned (seed ${this.system.seed})`)
  }
}

export interface JoinOptions {
  readonly isSeed?: boolean
  /** Has all pieces but these. */
  readonly isMissing?: (pieceIndex: number) => boolean
  readonly session?: Partial<SessionOptions>
  readonly add?: Partial<AddTorrent>
}

/** Something that a torrent told. */
export interface Told {
  readonly atMs: number
  readonly name: string
  readonly text: string
}

/** One machine of the world, and the session that runs on it, if one does. */
export class WorldPeer {
  readonly world: World
  readonly name: string
  readonly address: string
  disk: SimDisk
  session: Session | undefined
  process: SimProcess | undefined
  /** What its torrents told, also before a restart. */
  readonly told: Told[] = []
  readonly #options: PeerOptions
  #starts = 0
  #boots = 1

  constructor(world: World, name: string, address: string, options: PeerOptions) {
    this.world = world
    this.name = name
    this.address = address
    this.#options = options
    this.disk = new SimDisk(world.system, options.disk)
    world.network.host(address, options.host)
  }

  get torrent(): Torrent {
    const torrent = this.session?.torrents[0]
    if (torrent === undefined) throw new Error(`${this.name} has no torrent`)
    return torrent
  }

  get endpoint(): { readonly host: string; readonly port: number } {
    return { host: this.address, port: this.session!.listenPort }
  }

  get isDone(): boolean {
    const status = this.session?.torrents[0]?.state.status
    return status === 'seeding' || status === 'finished'
  }

  toldOf(name: string): readonly Told[] {
    return this.told.filter((told) => told.name === name)
  }

  async open(options: Partial<SessionOptions> = {}): Promise<Session> {
    const { world } = this
    this.process = new SimProcess(world.system, { name: `${this.name} ${++this.#starts}`, bootId: `${this.name} boot ${this.#boots}` })
    const host = world.network.host(this.address, this.#options.host)
    const network = this.#options.network?.(host) ?? host
    const { hashJobMs } = this.#options
    // Every other machine has one core: both ways of hashing meet in every swarm.
    const hashWhileReceiving = world.peers.indexOf(this) % 2 === 1
    const hasher = new SimHasher(world.system, {
      sha1,
      sha256,
      hashWhileReceiving,
      ...(hashJobMs === undefined ? {} : { jobMs: hashJobMs }),
    })
    this.session = await Session.open({ system: this.process, network, disk: this.disk, hasher }, { stateDir: STATE, ...options })
    return this.session
  }

  add(torrent: SwarmTorrent, options: Partial<AddTorrent> = {}): Torrent {
    const source = options.magnet === undefined ? { metainfo: torrent.metainfo } : {}
    const added = this.session!.add({ ...source, dir: DIR, ...options })
    added.on('state', (state) => this.#note('state', state.status))
    added.on('piece', ({ pieceIndex }) => this.#note('piece', String(pieceIndex)))
    added.on('metadata', (info) => this.#note('metadata', info.name))
    added.on('done', () => this.#note('done', ''))
    added.on('tracker', (tracker) => this.#note('tracker', tracker.status))
    added.on('peer-connected', ({ host, port }) => this.#note('peer-connected', `${host}:${port}`))
    added.on('peer-disconnected', ({ host, port, error }) =>
      this.#note('peer-disconnected', `${host}:${port} ${error === undefined ? 'in order' : said(error)}`),
    )
    added.on('peer-banned', ({ host, pieceIndex }) => this.#note('peer-banned', `${host} for piece ${pieceIndex}`))
    added.on('note', (text) => this.#note('note', text))
    added.on('warning', (error) => this.#note('warning', said(error)))
    added.on('error', (error) => this.#note('error', said(error)))
    return added
  }

  /** An orderly end. Nothing of the session may be left then. */
  async stop(): Promise<void> {
    const { session, process } = this
    if (session === undefined || process === undefined) return
    this.session = undefined
    await session.close()
    assert.equal(process.timerCount, 0, `${this.name} has left timers behind (seed ${this.world.system.seed})`)
  }

  /** The process is killed, or the whole machine loses power. `open` then starts the next one. */
  crash(kind: 'process' | 'power'): void {
    this.session = undefined
    this.process?.kill()
    this.world.network.kill(this.address)
    this.disk = this.disk.crash(kind)
    if (kind === 'power') this.#boots++
  }

  report(): string {
    const lines = [`${this.name} (${this.address})${this.session === undefined ? ' is off' : ''}`]
    for (const torrent of this.session?.torrents ?? []) {
      const { state, haveBytes, wantedSize, havePieces, peers, wasted, trackers } = torrent.snapshot()
      const pieces = `${havePieces?.count} of ${havePieces?.size} pieces`
      lines.push(`  ${state.status}: ${haveBytes} of ${wantedSize} bytes, ${pieces}, ${wasted} wasted, trackers ${trackers[0]?.message}`)
      for (const peer of peers) {
        const us = `${peer.isChoking ? 'choked' : 'unchoked'}${peer.isInterestedInUs ? ' interested' : ''}`
        const it = `${peer.isChokingUs ? 'chokes us' : 'unchokes us'}${peer.isInterested ? ', we are interested' : ''}`
        const progress = Math.round(peer.progress * 100)
        lines.push(`    ${peer.host}:${peer.port} ${progress} %, ${us}; ${it}; ${peer.requestsOut} out${peer.isSnubbed ? ', slow' : ''}`)
      }
    }
    for (const { atMs, name, text } of this.told.slice(-5)) lines.push(`  ${(atMs / 1000).toFixed(1)} s ${name} ${text}`)
    return lines.join('\n')
  }

  #note(name: string, text: string): void {
    const { system } = this.world
    system.log(`${this.name} ${name} ${text}`)
    this.told.push({ atMs: system.now(), name, text })
  }
}

function said(error: EngineError): string {
  return `${error.code} ${error.message}`
}
