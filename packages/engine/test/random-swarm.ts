import assert from 'node:assert/strict'
import { DEFAULT_SWARM_OPTIONS } from '../src/base/options.ts'
import type { HostOptions } from '../src/sim/path.ts'
import { Random } from '../src/sim/random.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World, type WorldPeer } from './world.ts'

/** Content times leechers: what one swarm moves at most, so that many swarms fit into a test run. */
const MOST_BYTES_MOVED = 12 * 1024 * 1024
const LARGEST_CONTENT = 4 * 1024 * 1024
const SMALLEST_CONTENT = 100 * 1024
/** A patient person's evening, in virtual time. */
const LIMIT_MS = 4 * 3_600_000

interface PeerPlan {
  readonly name: string
  readonly isSeed: boolean
  readonly host: HostOptions
  readonly joinsAtMs: number
  /** Undefined: stays until the end. */
  readonly leavesAtMs: number | undefined
  /** After leaving; undefined: gone for good. */
  readonly returnsAfterMs: number | undefined
  readonly slots: number
  readonly uploadRate: number
  readonly downloadRate: number
  readonly sequential: boolean
  readonly files: readonly number[] | undefined
  readonly diskMs: number
}

type Trouble =
  | { readonly type: 'reset'; readonly atMs: number; readonly peers: readonly [number, number] }
  | { readonly type: 'partition'; readonly atMs: number; readonly forMs: number; readonly peers: readonly [number, number] }
  | { readonly type: 'silence'; readonly atMs: number; readonly forMs: number; readonly peer: number }

/** One swarm, as the seed draws it. */
export interface SwarmPlan {
  readonly seed: string
  readonly link: { readonly latencyMs: number; readonly jitterMs: number; readonly loss: number }
  readonly lengths: readonly number[]
  readonly pieceLength: number
  readonly peers: readonly PeerPlan[]
  readonly troubles: readonly Trouble[]
}

export interface SwarmOutcome {
  readonly peerCount: number
  readonly contentBytes: number
  /** When the last peer was complete. */
  readonly virtualMs: number
  readonly wastedBytes: number
  readonly digest: string
}

export function planSwarm(seed: string | number): SwarmPlan {
  const random = new Random(`swarm ${seed}`)
  const peerCount = drawPeerCount(random)
  const seedCount = 1 + random.below(Math.min(5, peerCount - 1))
  const mostBytes = Math.min(LARGEST_CONTENT, MOST_BYTES_MOVED / (peerCount - seedCount))
  const size = SMALLEST_CONTENT + random.below(Math.max(1, Math.floor(mostBytes) - SMALLEST_CONTENT))
  const pieceLength = drawPieceLength(random, size)
  const lengths = drawLengths(random, size)
  const latencyMs = 1 + random.below(random.chance(0.5) ? 30 : 300)
  const link = {
    latencyMs,
    jitterMs: random.chance(0.5) ? random.below(latencyMs) : 0,
    loss: random.chance(0.3) ? random.fraction() * 0.03 : 0,
  }
  const peers = Array.from({ length: peerCount }, (_, at) => drawPeer(random, at, at < seedCount, lengths))
  const troubles = Array.from({ length: random.chance(0.6) ? random.below(2 * peerCount) : 0 }, () => drawTrouble(random, peerCount))
  return { seed: String(seed), link, lengths, pieceLength, peers, troubles }
}

/** Runs a swarm until everybody who stays has what it wants; fails when that does not happen, or leaves anything behind. */
export async function runSwarm(plan: SwarmPlan): Promise<SwarmOutcome> {
  const world = new World({ seed: plan.seed, link: plan.link })
  const { system, network } = world
  const torrent = new SwarmTorrent({ seed: plan.seed, lengths: plan.lengths, pieceLength: plan.pieceLength, trackers: world.trackers })
  const members = plan.peers.map((peerPlan) => new Member(world, torrent, peerPlan))
  for (const trouble of plan.troubles) system.schedule(trouble.atMs, () => makeTrouble(trouble))

  function makeTrouble(trouble: Trouble): void {
    if (trouble.type === 'silence') {
      const { address } = members[trouble.peer]!.peer
      network.silence(address)
      system.schedule(trouble.forMs, () => network.unsilence(address))
      return
    }
    const [one, two] = trouble.peers.map((at) => members[at]!.peer.address) as [string, string]
    if (trouble.type === 'reset') network.reset(one, two)
    else {
      network.partition([one], [two])
      system.schedule(trouble.forMs, () => network.heal())
    }
  }

  try {
    await world.until('everybody is complete', () => members.every((member) => member.isSatisfied), LIMIT_MS)
    const virtualMs = system.now()
    let wastedBytes = 0
    for (const { peer, plan: peerPlan } of members) {
      if (peer.session === undefined) continue
      assert.deepEqual(torrent.differences(peer.disk, DIR, peerPlan.files), [], peer.name)
      assert.deepEqual(peer.toldOf('error'), [], peer.name)
      // Everybody is honest here: who is blamed was misunderstood.
      const blamed = peer.told.filter(({ text }) => /PEER_(MISBEHAVED|BANNED)/.test(text))
      assert.deepEqual(blamed, [], peer.name)
      wastedBytes += peer.torrent.snapshot().wasted
    }
    for (const member of members) member.settleDown()
    await world.close()
    assert.ok(members.every((member) => member.isSatisfied))
    return { peerCount: members.length, contentBytes: torrent.content.length, virtualMs, wastedBytes, digest: system.digest }
  } catch (error) {
    throw new Error(`The swarm of seed ${plan.seed} failed. Again with: npm run simulate -- --from ${plan.seed} --seeds 1`, {
      cause: error,
    })
  }
}

/** A peer that comes, goes and perhaps comes back, as it was planned. */
class Member {
  readonly peer: WorldPeer
  readonly plan: PeerPlan
  readonly #world: World
  readonly #torrent: SwarmTorrent
  #comingsPlanned = 1
  #isSettled = false
  #failure: unknown

  constructor(world: World, torrent: SwarmTorrent, plan: PeerPlan) {
    this.plan = plan
    this.#world = world
    this.#torrent = torrent
    this.peer = world.peer(plan.name, { host: plan.host, disk: { latencyMs: plan.diskMs } })
    if (plan.isSeed) torrent.putOn(this.peer.disk, DIR)
    this.#after(plan.joinsAtMs, () => this.#join())
    if (plan.leavesAtMs !== undefined) this.#after(plan.leavesAtMs, () => this.#leave())
  }

  /** It has what it wants, or is gone for good. */
  get isSatisfied(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#comingsPlanned > 0) return false
    return this.peer.session === undefined || this.peer.isDone
  }

  /** The story is over: it neither comes nor goes any more. */
  settleDown(): void {
    this.#isSettled = true
  }

  #after(ms: number, act: () => Promise<void>): void {
    this.#world.system.schedule(ms, () => {
      if (this.#isSettled) return
      act().catch((error: unknown) => {
        this.#failure = error
      })
    })
  }

  async #join(): Promise<void> {
    const { plan, peer } = this
    await peer.open({
      uploadRateBytesPerSecond: plan.uploadRate,
      downloadRateBytesPerSecond: plan.downloadRate,
      swarm: { ...DEFAULT_SWARM_OPTIONS, unchokeSlots: plan.slots },
    })
    peer.add(this.#torrent, { sequential: plan.sequential, ...(plan.files === undefined ? {} : { files: plan.files }) })
    this.#comingsPlanned--
  }

  async #leave(): Promise<void> {
    const { returnsAfterMs } = this.plan
    if (returnsAfterMs !== undefined) {
      this.#comingsPlanned++
      this.#after(returnsAfterMs, () => this.#join())
    }
    await this.peer.stop()
  }
}

/** Mostly small swarms, some large, now and then fifty. */
function drawPeerCount(random: Random): number {
  const die = random.below(40)
  if (die === 0) return 50
  if (die < 4) return 10 + random.below(15)
  return 2 + random.below(8)
}

function drawPieceLength(random: Random, size: number): number {
  if (random.chance(0.1)) return 5_000 + random.below(60_000) // legal, and nobody's habit
  const longest = Math.max(1, Math.min(6, Math.ceil(Math.log2(size / 16384))))
  return 16384 * 2 ** random.below(longest)
}

/** Cuts the content into files, some of them empty, some tiny, so that pieces span several. */
function drawLengths(random: Random, size: number): number[] {
  if (random.chance(0.3)) return [size]
  const lengths: number[] = []
  for (let left = size; left > 0; ) {
    const die = random.below(10)
    const length = die === 0 ? 0 : Math.min(left, 1 + random.below(die < 4 ? 5_000 : Math.ceil(size / 2)))
    lengths.push(length)
    left -= length
  }
  return lengths
}

function drawRate(random: Random): number {
  return 50_000 * 2 ** random.below(8)
}

function drawPeer(random: Random, at: number, isSeed: boolean, lengths: readonly number[]): PeerPlan {
  const wanted = [...lengths.keys()].filter(() => random.chance(0.6))
  const isPartial = !isSeed && wanted.length > 0 && random.chance(0.2)
  // The first seed stays, or the content could be lost.
  const leaves = at > 0 && random.chance(0.2)
  return {
    name: isSeed ? `seed${at}` : `leech${at}`,
    isSeed,
    host: {
      ...(random.chance(0.3) ? { upBytesPerSecond: drawRate(random) } : {}),
      ...(random.chance(0.3) ? { downBytesPerSecond: drawRate(random) } : {}),
      // Somebody must be reachable.
      isReachable: at === 0 || random.chance(0.85),
    },
    joinsAtMs: at === 0 || random.chance(0.5) ? 0 : random.below(20_000),
    leavesAtMs: leaves ? 20_000 + random.below(20_000) : undefined,
    returnsAfterMs: random.chance(0.6) ? 5_000 + random.below(60_000) : undefined,
    slots: random.chance(0.5) ? 4 : 1 + random.below(4),
    uploadRate: random.chance(0.2) ? drawRate(random) : Number.POSITIVE_INFINITY,
    downloadRate: random.chance(0.2) ? drawRate(random) : Number.POSITIVE_INFINITY,
    sequential: random.chance(0.2),
    files: isPartial ? wanted : undefined,
    diskMs: random.chance(0.8) ? 0 : random.below(60),
  }
}

function drawTrouble(random: Random, peerCount: number): Trouble {
  const atMs = 1_000 + random.below(30_000)
  const one = random.below(peerCount)
  const two = (one + 1 + random.below(peerCount - 1)) % peerCount
  const die = random.below(4)
  if (die === 0) return { type: 'partition', atMs, forMs: 500 + random.below(30_000), peers: [one, two] }
  if (die === 1) return { type: 'silence', atMs, forMs: 500 + random.below(60_000), peer: one }
  return { type: 'reset', atMs, peers: [one, two] }
}
