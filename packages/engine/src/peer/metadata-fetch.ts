import { concatBytes } from '@shoal/protocol/bytes'
import { METADATA_PIECE_LENGTH } from '@shoal/protocol/wire/metadata'

/*
 * The info dictionary from peers (BEP 9), for a torrent of which we know only the info hash.
 *
 * Nothing that a peer says can be checked before all of it is here, so (SAFETY W1):
 *
 * - A size is a claim. Claims above 30 MiB are not heard; one attempt follows one claim, that of most peers, and only
 *   peers that made it take part. Memory is taken for pieces that came, never for a claim.
 * - The first attempt asks everybody at once. If its hash is wrong, nobody knows who lied, so from then on each attempt
 *   asks one peer only, and whose bytes are wrong then is the liar. When the truth is known, the pieces of the failed
 *   common attempt are held against it, which finds its liars too.
 * - Whoever is silent, or rejects, is left alone for a while; what it was asked is asked elsewhere.
 */

/** Claims above this are not heard. */
export const LARGEST_METADATA: number = 30 * 1024 * 1024

const REQUESTS_PER_PEER = 2
const TIMEOUT_MS = 10_000
/** After a timeout; doubled with each one that follows. */
const SILENT_PAUSE_MS = 10_000
const LONGEST_PAUSE_MS = 160_000
const REJECT_PAUSE_MS = 30_000
const NOBODY = -1

export type MetadataOutcome =
  | { readonly type: 'more' }
  /** `liars` sent wrong bytes in an earlier attempt. */
  | { readonly type: 'complete'; readonly raw: Uint8Array; readonly liars: readonly number[] }
  /** What came was wrong. `liars` certainly lied and are not asked again; empty when it cannot be told who did. */
  | { readonly type: 'bad'; readonly liars: readonly number[] }

const MORE: MetadataOutcome = { type: 'more' }

interface Source {
  readonly claimedSize: number
  requestCount: number
  /** Pieces that it was asked for and did not send in time: welcome if they still come. */
  readonly late: Set<number>
  pausedUntil: number
  timeoutCount: number
}

/** What one peer sent of one piece, in an attempt that failed. */
interface Suspect {
  readonly peerKey: number
  readonly piece: number
  readonly data: Uint8Array
}

export class MetadataFetch {
  readonly #isRight: (raw: Uint8Array) => boolean
  readonly #sources = new Map<number, Source>()
  readonly #liars = new Set<number>()
  #suspects: Suspect[] = []
  /** One peer at a time, since an attempt of several has failed. */
  #isAlone = false
  /** Who is asked while alone. */
  #onlyPeer = NOBODY

  // The attempt: what size is believed, and for each of its pieces what came, from whom, or who was asked when.
  #size = 0
  #pieces: (Uint8Array | undefined)[] = []
  #senders: number[] = []
  #askedOf: number[] = []
  #askedAt: number[] = []
  #havePieces = 0

  /** `isRight` says whether bytes are the info dictionary that we want: a hash over all of them. */
  constructor(options: { readonly isRight: (raw: Uint8Array) => boolean }) {
    this.#isRight = options.isRight
  }

  /** The size that is believed at the moment; 0 when there is nobody to believe. */
  get size(): number {
    return this.#size
  }

  /** A peer offers metadata of `claimedSize` bytes. @returns whether it is taken into account. */
  onPeer(peerKey: number, claimedSize: number): boolean {
    if (!Number.isSafeInteger(claimedSize) || claimedSize < 1 || claimedSize > LARGEST_METADATA) return false
    if (this.#liars.has(peerKey) || this.#sources.has(peerKey)) return false
    this.#sources.set(peerKey, { claimedSize, requestCount: 0, late: new Set(), pausedUntil: 0, timeoutCount: 0 })
    return true
  }

  onPeerGone(peerKey: number): void {
    this.#release(peerKey)
    this.#sources.delete(peerKey)
    if (this.#onlyPeer === peerKey) this.#restart()
  }

  /** @returns a piece to ask of this peer now, which counts as asked; undefined for none. */
  next(peerKey: number, now: number): number | undefined {
    const source = this.#sources.get(peerKey)
    if (source === undefined || source.requestCount >= REQUESTS_PER_PEER || source.pausedUntil > now) return undefined
    this.#chooseAttempt(now)
    if (source.claimedSize !== this.#size) return undefined
    if (this.#isAlone) {
      if (this.#onlyPeer === NOBODY) this.#onlyPeer = peerKey
      if (this.#onlyPeer !== peerKey) return undefined
    }
    for (let piece = 0; piece < this.#pieces.length; piece++) {
      if (this.#pieces[piece] !== undefined || this.#askedOf[piece] !== NOBODY) continue
      this.#askedOf[piece] = peerKey
      this.#askedAt[piece] = now
      source.requestCount++
      return piece
    }
    return undefined
  }

  /** A piece came; `data` is copied. `totalSize` is what the message says of the whole, if anything. */
  onData(peerKey: number, piece: number, totalSize: number | undefined, data: Uint8Array, now: number): MetadataOutcome {
    const source = this.#sources.get(peerKey)
    if (source === undefined || !this.#wasAsked(source, peerKey, piece)) return MORE
    source.late.delete(piece)
    if (this.#askedOf[piece] === peerKey) {
      this.#askedOf[piece] = NOBODY
      source.requestCount--
    }
    if (source.claimedSize !== this.#size || this.#pieces[piece] !== undefined) return MORE
    const begin = piece * METADATA_PIECE_LENGTH
    const isAsClaimed = totalSize === undefined || totalSize === this.#size
    if (!isAsClaimed || data.length !== Math.min(METADATA_PIECE_LENGTH, this.#size - begin)) {
      this.#banish(peerKey)
      return { type: 'bad', liars: [peerKey] }
    }
    source.timeoutCount = 0
    source.pausedUntil = 0
    this.#pieces[piece] = data.slice()
    this.#senders[piece] = peerKey
    this.#havePieces++
    return this.#havePieces === this.#pieces.length ? this.#judge(now) : MORE
  }

  /** The peer will not give this piece now; perhaps it does not have the metadata yet itself. */
  onReject(peerKey: number, piece: number, now: number): void {
    const source = this.#sources.get(peerKey)
    if (source === undefined || !this.#wasAsked(source, peerKey, piece)) return
    this.#pause(peerKey, source, now + REJECT_PAUSE_MS)
  }

  /** Takes back what was asked too long ago. To be called about once a second. */
  tick(now: number): void {
    for (let piece = 0; piece < this.#pieces.length; piece++) {
      const peerKey = this.#askedOf[piece]!
      if (peerKey === NOBODY || now - this.#askedAt[piece]! < TIMEOUT_MS) continue
      const source = this.#sources.get(peerKey)!
      for (let other = 0; other < this.#pieces.length; other++) if (this.#askedOf[other] === peerKey) source.late.add(other)
      this.#pause(peerKey, source, now + Math.min(LONGEST_PAUSE_MS, SILENT_PAUSE_MS * 2 ** source.timeoutCount))
      source.timeoutCount++
    }
    this.#chooseAttempt(now)
  }

  #wasAsked(source: Source, peerKey: number, piece: number): boolean {
    return this.#askedOf[piece] === peerKey || source.late.has(piece)
  }

  #pause(peerKey: number, source: Source, until: number): void {
    this.#release(peerKey)
    source.pausedUntil = until
    // Alone, a peer that does not answer must not hold up the others: the next one starts from nothing.
    if (this.#onlyPeer === peerKey) this.#restart()
  }

  /** What was asked of this peer may be asked of others. */
  #release(peerKey: number): void {
    for (let piece = 0; piece < this.#askedOf.length; piece++) if (this.#askedOf[piece] === peerKey) this.#askedOf[piece] = NOBODY
    const source = this.#sources.get(peerKey)
    if (source !== undefined) source.requestCount = 0
  }

  #banish(peerKey: number): void {
    this.#release(peerKey)
    this.#sources.delete(peerKey)
    this.#liars.add(peerKey)
    if (this.#onlyPeer === peerKey) this.#restart()
  }

  /** Forgets the attempt; the next one may believe another size or ask another peer. */
  #restart(): void {
    for (const [peerKey, source] of this.#sources) {
      this.#release(peerKey)
      source.late.clear()
    }
    this.#onlyPeer = NOBODY
    this.#begin(0)
  }

  #begin(size: number): void {
    const length = Math.ceil(size / METADATA_PIECE_LENGTH)
    this.#size = size
    this.#pieces = Array.from({ length }, () => undefined)
    this.#senders = Array.from({ length }, () => NOBODY)
    this.#askedOf = Array.from({ length }, () => NOBODY)
    this.#askedAt = Array.from({ length }, () => 0)
    this.#havePieces = 0
  }

  /** Keeps the size that is believed as long as anybody who claims it can be asked; else believes most of the others. */
  #chooseAttempt(now: number): void {
    const votes = new Map<number, number>()
    for (const source of this.#sources.values()) {
      if (source.pausedUntil > now) continue
      if (source.claimedSize === this.#size) return
      votes.set(source.claimedSize, (votes.get(source.claimedSize) ?? 0) + 1)
    }
    let most = 0
    let believed = 0
    for (const [size, count] of votes) {
      if (count <= most) continue
      most = count
      believed = size
    }
    if (believed === 0) return
    this.#restart()
    this.#begin(believed)
  }

  /** Everything is here: is it what we want? */
  #judge(now: number): MetadataOutcome {
    const raw = concatBytes(this.#pieces as Uint8Array[])
    if (this.#isRight(raw)) return { type: 'complete', raw, liars: this.#liarsAmongSuspects(raw) }
    const senders = new Set(this.#senders)
    const [onlySender] = senders
    if (senders.size === 1 && onlySender !== undefined) {
      this.#banish(onlySender)
      this.#restart()
      this.#chooseAttempt(now)
      return { type: 'bad', liars: [onlySender] }
    }
    // Of one common attempt only: that bounds the memory, and later ones are of one peer each.
    if (this.#suspects.length === 0) {
      this.#suspects = this.#pieces.map((data, piece) => ({ peerKey: this.#senders[piece]!, piece, data: data! }))
    }
    this.#isAlone = true
    this.#restart()
    this.#chooseAttempt(now)
    return { type: 'bad', liars: [] }
  }

  #liarsAmongSuspects(raw: Uint8Array): number[] {
    const liars = new Set<number>()
    for (const { peerKey, piece, data } of this.#suspects) {
      const begin = piece * METADATA_PIECE_LENGTH
      const isSame = raw.length >= begin + data.length && data.every((byte, at) => raw[begin + at] === byte)
      if (!isSame) liars.add(peerKey)
    }
    this.#suspects = []
    return [...liars]
  }
}
