import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LogLine } from '@shoal/api/daemon-api'
import { Session } from '@shoal/engine'
import { Random, SimDisk, SimHasher, SimNetwork, SimSystem } from '@shoal/engine/simulation'
import { type Info, parseInfo } from '@shoal/protocol/metainfo/info'
import { encodeInfo, encodeMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { HASHES } from './metainfo-files.ts'
import { Documents } from './state-store.ts'
import { factsOf } from './torrent-facts.ts'
import { newRecord, type TorrentRecord } from './torrent-record.ts'
import { Torrents } from './torrents.ts'

const PIECE = 16_384
const PIECES = 40
const TICK_MS = 5_000
const SEEDER = '10.0.0.1'

interface MadeTorrent {
  readonly info: Info
  readonly metainfo: Uint8Array
  readonly content: Uint8Array
}

function makeTorrent(name: string, seed: string): MadeTorrent {
  const content = new Random(`${seed} ${name}`).bytes(PIECES * PIECE)
  const pieceHashes = new Uint8Array(PIECES * 20)
  for (let piece = 0; piece < PIECES; piece++) {
    pieceHashes.set(HASHES.sha1(content.subarray(piece * PIECE, (piece + 1) * PIECE)), piece * 20)
  }
  const infoRaw = encodeInfo({ name, pieceLength: PIECE, pieceHashes, files: [{ length: content.length, path: [name] }] })
  return { info: parseInfo(infoRaw, HASHES), metainfo: encodeMetainfo({ infoRaw }), content }
}

/** A seeder with a slow line, and the torrents of a daemon on another machine, in virtual time. */
class World {
  readonly system: SimSystem
  readonly #network: SimNetwork
  readonly torrents = new Map<string, MadeTorrent>()
  readonly log: string[] = []
  seeder!: Session
  daemon!: Torrents
  limits = { maxActiveDownloads: 1, maxActiveSeeds: 100 }

  constructor(seed: number) {
    this.system = new SimSystem({ seed })
    this.#network = new SimNetwork(this.system, { link: { latencyMs: 10 } })
  }

  async start(names: readonly string[]): Promise<void> {
    const { system } = this
    for (const name of names) this.torrents.set(name, makeTorrent(name, system.seed))
    const seederDisk = new SimDisk(system)
    for (const [name, { content }] of this.torrents) seederDisk.putFile(`/${name}/${name}`, content)
    this.seeder = await this.#session(SEEDER, seederDisk, 100_000)
    for (const [name, { metainfo }] of this.torrents) this.seeder.add({ metainfo, dir: `/${name}` })
    const session = await this.#session('10.0.0.2', new SimDisk(system), 100_000)
    const files = new Map([...this.torrents].map(([name, { metainfo }]) => [name, metainfo]))
    this.daemon = new Torrents({
      session,
      system,
      records: new Documents<TorrentRecord>(new Map(), () => Promise.resolve()),
      metainfoFiles: { read: async (name) => files.get(name)!, keep: async () => '' },
      limits: () => this.limits,
      owner: {
        onNews: () => {},
        onRemoved: () => {},
        onLog: (_: string, line: LogLine) => void this.log.push(line.text),
        onCompleted: (held) => void this.log.push(`completed ${held.record.dir}`),
      },
    })
    system.every(TICK_MS, () => this.daemon.tick(TICK_MS, 1_000))
  }

  /** `isDead`: nobody to fetch it from. */
  async add(name: string, isDead = false): Promise<string> {
    const { info } = this.torrents.get(name)!
    const peers = isDead ? [] : [{ host: SEEDER, port: this.seeder.listenPort }]
    const id = Buffer.from(info.infoHashV1!).toString('hex')
    const order = this.daemon.lastOrder + 1
    await this.system.complete(
      this.daemon.add(newRecord({ id, ...factsOf(info), metainfo: name, dir: `/${name}`, addedAt: 0, order, peers })),
    )
    return id
  }

  async close(): Promise<void> {
    await this.system.complete(this.daemon.close())
    await this.system.complete(this.daemon.session.close())
    await this.system.complete(this.seeder.close())
  }

  get active(): string[] {
    return [...this.daemon.all].filter(({ state }) => state === 'downloading').map(({ record }) => record.dir)
  }

  get completed(): string[] {
    return this.log.filter((text) => text.startsWith('completed')).map((text) => text.slice('completed '.length))
  }

  async #session(address: string, disk: SimDisk, upBytesPerSecond: number): Promise<Session> {
    const { system } = this
    const network = this.#network.host(address, { upBytesPerSecond })
    return await system.complete(Session.open({ system, network, disk, hasher: new SimHasher(system) }))
  }
}

describe('the torrents of a daemon, simulated', () => {
  for (const seed of [1, 2, 3]) {
    test(`come one after another when there is one place (seed ${seed})`, async () => {
      const world = new World(seed)
      await world.start(['a', 'b', 'c'])
      for (const name of ['a', 'b', 'c']) await world.add(name)
      let most = 0
      world.system.every(100, () => {
        most = Math.max(most, world.active.length)
      })
      assert.ok(await world.system.runUntil(() => world.completed.length === 3, 300_000))
      assert.equal(most, 1)
      assert.deepEqual(world.completed, ['/a', '/b', '/c'])
      await world.close()
    })

    test(`do not wait for one that nobody has (seed ${seed})`, async () => {
      const world = new World(seed)
      await world.start(['dead', 'b'])
      await world.add('dead', true)
      await world.add('b')
      await world.system.run(30_000)
      assert.deepEqual(world.active, ['/dead'])
      assert.ok(await world.system.runUntil(() => world.completed.length === 1, 120_000))
      assert.deepEqual(world.completed, ['/b'])
      assert.ok(world.active.includes('/dead'))
      await world.close()
    })

    test(`give their place up when they are paused, and take it by order again (seed ${seed})`, async () => {
      const world = new World(seed)
      await world.start(['a', 'b'])
      const a = world.daemon.require(await world.add('a'))
      await world.add('b')
      await world.system.runUntil(() => world.active.includes('/a'), 10_000)
      void a.change({ isPaused: true })
      world.daemon.decideSoon()
      assert.ok(await world.system.runUntil(() => world.active.join() === '/b', 10_000))
      void a.change({ isPaused: false })
      world.daemon.decideSoon()
      assert.ok(await world.system.runUntil(() => world.active.join() === '/a', 10_000))
      assert.ok(await world.system.runUntil(() => world.completed.length === 2, 300_000))
      assert.deepEqual(world.completed, ['/a', '/b'])
      await world.close()
    })
  }
})
