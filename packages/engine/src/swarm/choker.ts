/*
 * Whom we upload to (BEP 3, "Choking"): a pure answer from what is known of the peers, asked every ten seconds.
 *
 * Leeching: the slots go to those who send us most, so that giving pays; who owes us blocks and is silent gets none
 * (anti-snubbing). Seeding: nobody can pay us back, so the slots go round: each peer keeps one until it has had its
 * turn's worth of bytes or time, then the one that has waited longest is next. A rate would reward those who are fast
 * or lie; a turn cannot be held (SAFETY W4).
 *
 * One slot more is optimistic: given by chance, newcomers three times as likely, passed on every thirty seconds. It is
 * how a peer with nothing to trade yet gets its first piece, and how we find better partners.
 */

/** What the choker wants to know of a peer. Rates are bytes a second, times are of the engine's clock, ms. */
export interface ChokeCandidate {
  readonly key: string | number
  /** It wants something of us. */
  readonly isInterested: boolean
  /** We choke it. */
  readonly isChoked: boolean
  /** It owes us blocks and is silent. */
  readonly isSnubbed: boolean
  /** What it sends us. */
  readonly downloadRate: number
  /** What we send it. */
  readonly uploadRate: number
  readonly uploadedSinceUnchoke: number
  /** When we unchoked it last, even if it is choked now; 0 when never. */
  readonly unchokedAt: number
  readonly connectedAt: number
  /** It holds the optimistic slot. */
  readonly isOptimistic: boolean
}

export interface ChokerOptions {
  /** How long the optimistic slot stays with one peer. BEP 3 says thirty seconds. */
  optimisticMs: number
  /** A peer counts as new for so long: it has had no chance to trade yet. */
  newcomerMs: number
  /** How many times likelier a newcomer is to get the optimistic slot. BEP 3 says three. */
  newcomerWeight: number
  /** While seeding: a turn is over after so many bytes. */
  turnBytes: number
  /** While seeding: a turn is over after so long, so that a slot is not held by taking little. */
  turnMs: number
}

export const DEFAULT_CHOKER_OPTIONS: Readonly<ChokerOptions> = Object.freeze({
  optimisticMs: 30_000,
  newcomerMs: 60_000,
  newcomerWeight: 3,
  turnBytes: 16 * 1024 * 1024,
  turnMs: 60_000,
})

export interface ChokeQuestion<Peer extends ChokeCandidate> {
  readonly peers: Iterable<Peer>
  /** Peers unchoked by merit (or turn); the optimistic one comes on top. */
  readonly slots: number
  readonly isSeeding: boolean
  readonly now: number
  /** When the optimistic slot was given to its holder. */
  readonly optimisticSince: number
  /** A whole number in [0, limit). */
  readonly randomBelow: (limit: number) => number
  readonly options?: Partial<ChokerOptions>
}

export interface ChokeAnswer<Peer extends ChokeCandidate> {
  /** Everybody who may download from us now, the optimistic one included; all others are choked. */
  readonly unchoked: ReadonlySet<Peer>
  readonly optimistic: Peer | undefined
  /** To be given back with the next question. */
  readonly optimisticSince: number
}

/** Weighs everybody anew. */
export function chooseUnchoked<Peer extends ChokeCandidate>(question: ChokeQuestion<Peer>): ChokeAnswer<Peer> {
  const { slots, isSeeding, now, randomBelow } = question
  const options = { ...DEFAULT_CHOKER_OPTIONS, ...question.options }
  const interested = [...question.peers].filter((peer) => peer.isInterested)
  const ranked = isSeeding ? byTurn(interested, now, options) : byMerit(interested)
  const unchoked = new Set(ranked.slice(0, slots))

  const others = interested.filter((peer) => !unchoked.has(peer))
  const holder = others.find((peer) => peer.isOptimistic)
  if (holder !== undefined && now - question.optimisticSince < options.optimisticMs) {
    unchoked.add(holder)
    return { unchoked, optimistic: holder, optimisticSince: question.optimisticSince }
  }
  const next = chooseOptimistic(
    others.filter((peer) => peer !== holder),
    now,
    randomBelow,
    options,
  )
  const optimistic = next ?? holder
  if (optimistic !== undefined) unchoked.add(optimistic)
  return { unchoked, optimistic, optimisticSince: now }
}

/**
 * Between two rounds: whether a choked peer that has just become interested can be served at once, because fewer than
 * `slots` peers hold a slot. `unchokedCount` are those unchoked now, without the optimistic one.
 */
export function mayUnchokeNow(peer: ChokeCandidate, unchokedCount: number, slots: number, isSeeding: boolean): boolean {
  return peer.isInterested && peer.isChoked && unchokedCount < slots && (isSeeding || !peer.isSnubbed)
}

/** A turn while seeding, by the size of the pieces: about twenty, so that a peer gets something whole to pass on. */
export function turnBytesFor(pieceLength: number): number {
  return Math.min(Math.max(20 * pieceLength, 4 * 1024 * 1024), 256 * 1024 * 1024)
}

/** Best uploaders first; of equals the one we already serve, since every change costs a round trip, then the oldest. */
function byMerit<Peer extends ChokeCandidate>(interested: readonly Peer[]): Peer[] {
  return interested
    .filter((peer) => !peer.isSnubbed)
    .map((peer) => ({ peer, rate: peer.downloadRate }))
    .sort((a, b) => b.rate - a.rate || Number(a.peer.isChoked) - Number(b.peer.isChoked) || a.peer.connectedAt - b.peer.connectedAt)
    .map((entry) => entry.peer)
}

/** Those in the middle of their turn, then those who wait (longest first), then those who have had theirs (longest ago last). */
function byTurn<Peer extends ChokeCandidate>(interested: readonly Peer[], now: number, options: ChokerOptions): Peer[] {
  const inTurn: Peer[] = []
  const waiting: Peer[] = []
  const served: Peer[] = []
  for (const peer of interested) {
    // The optimistic holder was given its slot by chance: it waits for a turn like everybody else.
    if (peer.isChoked || peer.isOptimistic) waiting.push(peer)
    else if (peer.uploadedSinceUnchoke < options.turnBytes && now - peer.unchokedAt < options.turnMs) inTurn.push(peer)
    else served.push(peer)
  }
  inTurn.sort((a, b) => a.unchokedAt - b.unchokedAt)
  waiting.sort((a, b) => a.unchokedAt - b.unchokedAt || a.connectedAt - b.connectedAt)
  served.sort((a, b) => b.unchokedAt - a.unchokedAt)
  return [...inTurn, ...waiting, ...served]
}

function chooseOptimistic<Peer extends ChokeCandidate>(
  candidates: readonly Peer[],
  now: number,
  randomBelow: (limit: number) => number,
  options: ChokerOptions,
): Peer | undefined {
  const weight = (peer: Peer): number => (now - peer.connectedAt < options.newcomerMs ? options.newcomerWeight : 1)
  const total = candidates.reduce((sum, peer) => sum + weight(peer), 0)
  if (total === 0) return undefined
  let chance = randomBelow(total)
  for (const peer of candidates) {
    chance -= weight(peer)
    if (chance < 0) return peer
  }
  return undefined
}
