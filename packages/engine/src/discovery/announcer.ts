import { parseIp } from '@shoal/protocol/ip-address'
import type { AnnounceRequest, PeerEndpoint } from '@shoal/protocol/tracker/announce'
import type { System } from '../ports/system.ts'
import { type AnnounceOptions, DEFAULT_ANNOUNCE_OPTIONS } from './announce-schedule.ts'
import type { TrackerClient } from './tracker-client.ts'
import { newTracker, type TierOwner, type TierQuestion, type Tracker, type TrackerStatus, TrackerTier } from './tracker-tier.ts'

/*
 * Tells the trackers of one torrent where we stand, and brings back peers (BEP 3, 7, 12, 15, 31).
 *
 * Tiers. BEP 12 goes through the tiers one after another and stops at the first tracker that answers. We announce to the
 * first working tracker of *each* tier, as today's clients do: tiers hold independent trackers more often than backups, and a
 * peer that is known to one of them only would otherwise not be found. Within a tier the rules of BEP 12 hold.
 *
 * Events. A tracker hears `started` first; one of each tier hears `completed`, once, if the download finishes while
 * we run; everyone that heard `started` hears `stopped`.
 *
 * Only URLs are asked that came with the torrent, its magnet link or from the user. WebTorrent's trackers
 * (`ws:`, `wss:`) are passed over in silence: their peers speak WebRTC, which we do not yet.
 */

/** What an announce says of the torrent. Bytes are since `start`; all are whole numbers. */
export interface AnnounceState {
  readonly uploaded: number
  readonly downloaded: number
  /** Bytes that are missing; `LEFT_UNKNOWN` before the metadata is there. */
  readonly left: number
  /** How many more peers would be welcome. */
  readonly peersWanted: number
  /** Peers connected or worth a try. With 0 and something left we ask more often. */
  readonly peerCount: number
}

export interface AnnouncerOwner {
  /** IP literals. They may hold ourselves, and peers that are known already. */
  onPeers(peers: readonly PeerEndpoint[], trackerUrl: string): void
  /** A success; or a failure, once until it changes or ends. */
  onTrackerStatus(status: TrackerStatus): void
  /** Each tier has answered, or failed once. At once if there is none, and again when trackers were changed. */
  onFirstRound(): void
}

export interface AnnouncerIdentity {
  /** 20 bytes: v1, or v2 cut short. */
  readonly infoHash: Uint8Array
  readonly peerId: Uint8Array
  /** Where peers reach us. */
  readonly port: number
  /** 32 bits, the same for all torrents of a session: tells a tracker that our two addresses are one client (BEP 7). */
  readonly key: number
}

export class Announcer {
  readonly #system: System
  readonly #client: TrackerClient
  readonly #identity: AnnouncerIdentity
  readonly #state: AnnounceState
  readonly #owner: AnnouncerOwner
  readonly #options: AnnounceOptions
  #tiers: readonly TrackerTier[] = []
  /** Trackers that we have left hear of it. */
  readonly #farewells = new Set<Promise<void>>()
  #isRunning = false
  #hasCompleted = false
  /** Tiers of which the first round is not over. */
  #missingTiers = 0

  constructor(options: {
    readonly system: System
    readonly client: TrackerClient
    readonly identity: AnnouncerIdentity
    /** URLs, as the torrent has them (BEP 12). */
    readonly tiers: readonly (readonly string[])[]
    /** Live: looked at whenever a tracker is asked. */
    readonly state: AnnounceState
    readonly owner: AnnouncerOwner
    readonly options?: Partial<AnnounceOptions>
  }) {
    this.#system = options.system
    this.#client = options.client
    this.#identity = options.identity
    this.#state = options.state
    this.#owner = options.owner
    this.#options = { ...DEFAULT_ANNOUNCE_OPTIONS, ...options.options }
    this.setTiers(options.tiers)
  }

  /** Every tracker, tier after tier, in the order in which they are tried. */
  get trackers(): readonly TrackerStatus[] {
    return this.#tiers.flatMap((tier) => tier.statuses)
  }

  /** The most that any tracker says; undefined while none says anything. */
  most(what: 'seeds' | 'leechers'): number | undefined {
    let most: number | undefined
    for (const tier of this.#tiers) {
      const count = tier.most(what)
      if (count !== undefined && (most === undefined || count > most)) most = count
    }
    return most
  }

  /**
   * The trackers from now on, in tiers whose members stand in for each other (BEP 12); one that is named twice counts where it
   * comes first, and those that we do not speak to are left out. Those that go hear `stopped`, a tier of new ones hears
   * `started`, and what we know of those that stay is kept.
   */
  setTiers(tiers: readonly (readonly string[])[]): void {
    const wanted = spokenTo(tiers)
    const unused = new Set(this.#tiers)
    const kept = wanted.map((urls) => {
      const tier = [...unused].find((one) => one.urls.some((url) => urls.includes(url)))
      if (tier !== undefined) unused.delete(tier)
      return tier
    })
    const moving = new Map<string, Tracker>()
    const release = (tier: TrackerTier, urls: readonly string[]): void => {
      const left: Tracker[] = []
      for (const tracker of tier.release((url) => urls.includes(url))) {
        if (wanted.some((others) => others.includes(tracker.url))) moving.set(tracker.url, tracker)
        else left.push(tracker)
      }
      this.#sayFarewell(tier.farewell(left))
    }
    for (const [at, tier] of kept.entries()) if (tier !== undefined) release(tier, wanted[at]!)
    for (const tier of unused) {
      if (this.#isRunning && !tier.hadFirstRound) this.#missingTiers--
      release(tier, [])
      this.#sayFarewell(tier.stop())
    }
    const added: TrackerTier[] = []
    this.#tiers = wanted.map((urls, at) => {
      const tier = kept[at]
      const trackers = urls.filter((url) => tier?.urls.includes(url) !== true).map((url) => moving.get(url) ?? newTracker(url))
      if (tier !== undefined) {
        tier.adopt(trackers)
        return tier
      }
      const made = new TrackerTier({ system: this.#system, owner: this.#tierOwner(), options: this.#options, trackers })
      added.push(made)
      return made
    })
    if (!this.#isRunning) return
    this.#missingTiers += added.length
    for (const tier of added) tier.start()
    if (this.#missingTiers === 0) this.#owner.onFirstRound()
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#hasCompleted = false
    this.#missingTiers = this.#tiers.length
    if (this.#missingTiers === 0) this.#owner.onFirstRound()
    for (const tier of this.#tiers) tier.start()
  }

  /** The download has finished while we run. Not to be called for a torrent that was complete when it started. */
  complete(): void {
    if (!this.#isRunning || this.#hasCompleted) return
    this.#hasCompleted = true
    for (const tier of this.#tiers) tier.complete()
  }

  /** More peers are wanted: asks every tier again as soon as its tracker allows. */
  announceSoon(): void {
    for (const tier of this.#tiers) tier.announceSoon()
  }

  /** Tells all trackers that we leave; resolves when they know or have had their time. Never rejects. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    await Promise.all([...this.#tiers.map((tier) => tier.stop()), ...this.#farewells])
  }

  #sayFarewell(farewell: Promise<void>): void {
    this.#farewells.add(farewell)
    void farewell.then(() => this.#farewells.delete(farewell)) // never rejects
  }

  #tierOwner(): TierOwner {
    return {
      isHungry: () => this.#state.left > 0 && this.#state.peerCount === 0,
      ask: (question, onOther) => this.#client.announce(question.url, this.#request(question), question, onOther),
      onPeers: (peers, url) => {
        // Some trackers list names; nobody dials a name that a stranger chose.
        const dialable = peers.filter((peer) => parseIp(peer.host) !== undefined)
        if (dialable.length > 0) this.#owner.onPeers(dialable, url)
      },
      onStatus: (status) => this.#owner.onTrackerStatus(status),
      onFirstRound: () => {
        this.#missingTiers--
        if (this.#missingTiers === 0) this.#owner.onFirstRound()
      },
    }
  }

  #request({ event, trackerId }: TierQuestion): AnnounceRequest {
    const { uploaded, downloaded, left, peersWanted } = this.#state
    return {
      ...this.#identity,
      uploaded,
      downloaded,
      left,
      numWant: event === 'stopped' ? 0 : Math.max(0, Math.min(peersWanted, this.#options.mostPeersWanted)),
      ...(event === undefined ? {} : { event }),
      ...(trackerId === undefined ? {} : { trackerId }),
    }
  }
}

function spokenTo(tiers: readonly (readonly string[])[]): string[][] {
  const seen = new Set<string>()
  const clean = tiers.map((urls) =>
    urls.filter((url) => {
      if (seen.has(url) || /^wss?:/i.test(url)) return false
      seen.add(url)
      return true
    }),
  )
  return clean.filter((urls) => urls.length > 0)
}
