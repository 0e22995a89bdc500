import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { BLOCK_LENGTH, PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import fc from 'fast-check'
import { Availability } from './availability.ts'
import { PiecePicker } from './piece-picker.ts'

/** One peer as the swarm would see it, and what was asked of it and not answered. */
interface Peer {
  readonly key: number
  readonly pieces: Bitfield
  isSlow: boolean
  pieceAllowance: number
  allowedFast: ReadonlySet<number> | undefined
  readonly requests: { pieceIndex: number; begin: number }[]
}

interface NaiveBlock {
  sender: number | undefined
  /** Whom the missing block is asked of. */
  askers: number[]
}

interface NaivePiece {
  isHere: boolean
  priority: number
  parole: number | undefined
  /** Undefined: not in work. */
  blocks: NaiveBlock[] | undefined
  openedAt: number
  hasReceived: boolean
}

const MAX_OPEN = 7
const RANDOM_FIRST = 2
const ENDGAME_ASKERS = 2
const ENDGAME_DEPTH = 5
const MAX_ASKERS = 8

/** The rules of the picker, said as plainly as possible: everything is looked at anew for each block. */
class NaivePicker {
  readonly geometry: PieceGeometry
  readonly pieces: NaivePiece[]
  readonly slow = new Set<number>()
  sequential = false
  urgent: readonly number[] = []
  opened = 0

  constructor(geometry: PieceGeometry) {
    this.geometry = geometry
    this.pieces = Array.from({ length: geometry.pieceCount }, () => ({
      isHere: false,
      priority: 4,
      parole: undefined,
      blocks: undefined,
      openedAt: 0,
      hasReceived: false,
    }))
  }

  isNeeded = (piece: NaivePiece): boolean => !piece.isHere && piece.priority > 0
  isFresh = (piece: NaivePiece): boolean => this.isNeeded(piece) && piece.blocks === undefined && piece.parole === undefined
  isWhole = (piece: NaivePiece): boolean => piece.blocks?.every((block) => block.sender !== undefined) ?? false
  isFree = (block: NaiveBlock): boolean => block.sender === undefined && block.askers.length === 0
  fastAskers = (block: NaiveBlock): number => (block.sender === undefined ? block.askers.filter((key) => !this.slow.has(key)).length : 0)
  isHeldBySlow = (block: NaiveBlock): boolean =>
    block.sender === undefined && block.askers.length > 0 && block.askers.length < MAX_ASKERS && this.fastAskers(block) === 0
  hasPart = (piece: NaivePiece, key: number): boolean =>
    piece.blocks?.some((block) => block.sender === key || (block.sender === undefined && block.askers.includes(key))) ?? false

  get open(): NaivePiece[] {
    return this.pieces.filter((piece) => piece.blocks !== undefined).sort((a, b) => a.openedAt - b.openedAt)
  }

  isEndgame(peers: readonly Peer[]): boolean {
    return (
      this.pieces.some(this.isNeeded) &&
      !this.open.some((piece) => piece.parole === undefined && piece.blocks!.some(this.isFree)) &&
      !this.pieces.some((piece, pieceIndex) => this.isFresh(piece) && peers.some((peer) => peer.pieces.has(pieceIndex)))
    )
  }

  /** Every block that may be picked next: one, or several that are equally good. */
  answers(peer: Peer, peers: readonly Peer[]): { pieceIndex: number; block: number }[] {
    const pieces = this.#choose(peer, peers)
    const answers = pieces.map((pieceIndex) => {
      const { blocks } = this.pieces[pieceIndex]!
      const free = blocks?.findIndex(this.isFree) ?? 0
      return { pieceIndex, block: free !== -1 ? free : blocks!.findIndex(this.isHeldBySlow) }
    })
    if (answers.length > 0 || !this.isEndgame(peers) || peer.allowedFast?.size === 0) return answers
    const asked = this.open.flatMap((piece) =>
      piece.blocks!.filter((block) => block.sender === undefined && block.askers.includes(peer.key)),
    )
    if (asked.length >= ENDGAME_DEPTH) return []
    const shares = this.open.filter((piece) => this.hasPart(piece, peer.key)).length
    for (const piece of this.open.toReversed()) {
      const pieceIndex = this.pieces.indexOf(piece)
      const mayShare = this.hasPart(piece, peer.key) || shares < peer.pieceAllowance
      if (!mayShare || piece.parole !== undefined || !peer.pieces.has(pieceIndex)) continue
      if (peer.allowedFast?.has(pieceIndex) === false) continue
      const block = piece.blocks!.findLastIndex(
        (block) =>
          block.sender === undefined &&
          !block.askers.includes(peer.key) &&
          this.fastAskers(block) < ENDGAME_ASKERS &&
          block.askers.length < MAX_ASKERS,
      )
      if (block !== -1) return [{ pieceIndex, block }]
    }
    return []
  }

  #choose(peer: Peer, peers: readonly Peer[]): number[] {
    if (peer.allowedFast?.size === 0) return []
    const all = [...this.pieces.keys()]
    const mayAsk = (pieceIndex: number) => {
      const { parole } = this.pieces[pieceIndex]!
      const isAllowed = peer.allowedFast === undefined || peer.allowedFast.has(pieceIndex)
      return peer.pieces.has(pieceIndex) && isAllowed && (parole === undefined || parole === peer.key)
    }
    const begun = all.filter((pieceIndex) => {
      const blocks = this.pieces[pieceIndex]!.blocks
      return blocks?.some((block) => this.isFree(block) || (!peer.isSlow && this.isHeldBySlow(block))) === true && mayAsk(pieceIndex)
    })
    const own = begun.filter((pieceIndex) => this.hasPart(this.pieces[pieceIndex]!, peer.key))
    const shares = this.open.filter((piece) => this.hasPart(piece, peer.key)).length
    const mayJoin = shares < peer.pieceAllowance
    const place = (pieceIndex: number) => pieceIndex
    const priority = (pieceIndex: number) => this.pieces[pieceIndex]!.priority
    const age = (pieceIndex: number) => this.pieces[pieceIndex]!.openedAt
    const copies = (pieceIndex: number) => peers.filter((other) => other.pieces.has(pieceIndex)).length

    const mayOpen = this.open.length < MAX_OPEN
    const paroled = all.filter(
      (at) => mayOpen && this.pieces[at]!.parole === peer.key && this.pieces[at]!.blocks === undefined && mayAsk(at),
    )
    const fresh = all.filter((pieceIndex) => mayOpen && this.isFresh(this.pieces[pieceIndex]!) && mayAsk(pieceIndex))
    for (const pieceIndex of this.urgent) {
      const isNew = mayJoin && [...begun, ...fresh, ...paroled].includes(pieceIndex)
      if (isNew || own.includes(pieceIndex)) return [pieceIndex]
    }
    if (own.length > 0 && !(this.sequential && mayJoin)) return this.sequential ? least(most(own, priority), place) : own
    if (!mayJoin) return []
    if (paroled.length > 0 && !this.sequential) return paroled
    if (this.sequential) return least(most([...begun, ...fresh, ...paroled], priority), place)

    const isOrphan = (pieceIndex: number) => this.pieces[pieceIndex]!.blocks!.every((block) => this.fastAskers(block) === 0)
    const orphans = least(most(begun.filter(isOrphan), priority), age)
    const shared = least(
      most(
        begun.filter((pieceIndex) => !isOrphan(pieceIndex)),
        priority,
      ),
      age,
    )
    const isShort = this.open.filter((piece) => !this.isWhole(piece)).length > 0.75 * MAX_OPEN
    if ((peer.isSlow || isShort) && orphans.length > 0) return orphans
    if ((peer.isSlow || isShort) && shared.length > 0) return shared
    const newest = most(fresh, priority)
    const isNewFirst = newest.length > 0 && (orphans.length === 0 || priority(newest[0]!) > priority(orphans[0]!))
    if (!isNewFirst) return orphans.length > 0 ? orphans : shared
    const isByChance = this.pieces.filter((piece) => piece.isHere).length < RANDOM_FIRST && peer.allowedFast === undefined
    return isByChance ? newest : least(newest, copies)
  }

  asked(key: number, pieceIndex: number, block: number): void {
    const piece = this.pieces[pieceIndex]!
    if (piece.blocks === undefined) {
      piece.blocks = Array.from({ length: this.geometry.blockCount(pieceIndex) }, () => ({ sender: undefined, askers: [] }))
      piece.openedAt = ++this.opened
      piece.hasReceived = false
    }
    piece.blocks[block]!.askers.push(key)
  }

  onBlock(key: number, pieceIndex: number, begin: number): 'first' | 'duplicate' | 'stray' {
    const piece = this.pieces[pieceIndex]!
    if (piece.blocks === undefined) return piece.isHere ? 'duplicate' : 'stray'
    const block = piece.blocks[begin / BLOCK_LENGTH]!
    if (block.sender !== undefined) return 'duplicate'
    if (piece.parole !== undefined && piece.parole !== key) return 'stray'
    block.sender = key
    block.askers = []
    piece.hasReceived = true
    return 'first'
  }

  onLost(key: number, pieceIndex: number, begin: number): void {
    const piece = this.pieces[pieceIndex]!
    const block = piece.blocks?.[begin / BLOCK_LENGTH]
    if (block === undefined || block.sender !== undefined || !block.askers.includes(key)) return
    block.askers = block.askers.filter((asker) => asker !== key)
    if (piece.parole === key && !piece.blocks!.some((other) => other.sender === undefined && other.askers.includes(key)))
      piece.parole = undefined
    this.#closeIfUntouched(piece)
  }

  onGone(key: number): void {
    this.endParole(key)
    for (const piece of this.open) {
      for (const block of piece.blocks!) block.askers = block.askers.filter((asker) => asker !== key)
      this.#closeIfUntouched(piece)
    }
  }

  onSlow(key: number): void {
    this.endParole(key)
    this.slow.add(key)
  }

  endParole(key: number): void {
    for (const piece of this.pieces) if (piece.parole === key) piece.parole = undefined
  }

  onFailed(pieceIndex: number, onlyFrom: number | undefined): void {
    const piece = this.pieces[pieceIndex]!
    piece.blocks = undefined
    piece.parole = onlyFrom !== undefined && piece.priority > 0 && !this.slow.has(onlyFrom) ? onlyFrom : undefined
  }

  markHave(pieceIndex: number): void {
    Object.assign(this.pieces[pieceIndex]!, { isHere: true, blocks: undefined, parole: undefined })
  }

  setPriority(pieceIndex: number, priority: number): boolean {
    const piece = this.pieces[pieceIndex]!
    const isGivenUp = piece.priority !== 0 && priority === 0 && piece.blocks !== undefined && !this.isWhole(piece)
    piece.priority = priority
    if (isGivenUp) piece.blocks = undefined
    if (priority === 0 && piece.blocks === undefined) piece.parole = undefined
    return isGivenUp
  }

  drop(key: number): void {
    for (const piece of this.open) {
      if (this.isWhole(piece)) continue
      for (const block of piece.blocks!) if (block.sender === key) Object.assign(block, { sender: undefined, askers: [] })
    }
  }

  #closeIfUntouched(piece: NaivePiece): void {
    if (!piece.hasReceived && piece.blocks!.every(this.isFree)) piece.blocks = undefined
  }
}

function least(pieces: number[], measure: (pieceIndex: number) => number): number[] {
  const lowest = Math.min(...pieces.map(measure))
  return pieces.filter((pieceIndex) => measure(pieceIndex) === lowest)
}

function most(pieces: number[], measure: (pieceIndex: number) => number): number[] {
  return least(pieces, (pieceIndex) => -measure(pieceIndex))
}

type Step = { readonly type: (typeof STEPS)[number]; readonly who: number; readonly piece: number; readonly amount: number }
const STEPS = [
  'pick',
  'pick all',
  'arrive',
  'arrive all',
  'lose',
  'slow',
  'leave',
  'join',
  'have',
  'dont have',
  'choke',
  'unchoke',
  'allowance',
  'verify',
  'fail',
  'parole',
  'end parole',
  'priority',
  'missing',
  'drop',
  'not kept',
  'sequential',
  'urgent',
] as const

/** Plays one history on both pickers and compares everything that can be seen after each step. */
class Duel {
  readonly naive: NaivePicker
  readonly picker: PiecePicker
  readonly availability: Availability
  readonly peers: Peer[] = []
  readonly #pieceCount: number
  #lastKey = 0
  picked = 0

  constructor(pieceCount: number, randomBelow: (limit: number) => number) {
    // Four blocks a piece, and a last piece of one block and a half.
    const geometry = new PieceGeometry({
      totalSize: (pieceCount - 1) * 4 * BLOCK_LENGTH + 1.5 * BLOCK_LENGTH,
      pieceLength: 4 * BLOCK_LENGTH,
    })
    this.#pieceCount = pieceCount
    this.naive = new NaivePicker(geometry)
    this.availability = new Availability(pieceCount)
    this.picker = new PiecePicker({
      geometry,
      availability: this.availability,
      randomBelow,
      maxOpenPieces: MAX_OPEN,
      randomFirstPieces: RANDOM_FIRST,
      endgameAskers: ENDGAME_ASKERS,
      endgameDepth: ENDGAME_DEPTH,
    })
  }

  play(step: Step): void {
    const peer = this.peers[step.who % Math.max(this.peers.length, 1)]
    const pieceIndex = step.piece % this.#pieceCount
    if (step.type === 'join') this.#join(step)
    else if (step.type === 'priority') {
      const isGivenUp = this.picker.setPriority(pieceIndex, step.amount % 8)
      assert.equal(isGivenUp, this.naive.setPriority(pieceIndex, step.amount % 8))
    } else if (step.type === 'sequential') this.picker.sequential = this.naive.sequential = step.amount % 2 === 0
    else if (step.type === 'urgent') {
      const urgent = step.amount % 3 === 0 ? [] : [pieceIndex, (pieceIndex + step.amount) % this.#pieceCount]
      this.picker.setUrgent(urgent)
      this.naive.urgent = urgent
    } else if (step.type === 'missing') this.#miss(pieceIndex)
    else if (step.type === 'verify' || step.type === 'fail' || step.type === 'parole') this.#settle(step, peer)
    else if (peer !== undefined) this.#playPeer(step, peer, pieceIndex)
    this.compare()
  }

  compare(): void {
    this.picker.checkInvariants()
    const { naive, picker } = this
    assert.equal(picker.openPieceCount, naive.open.length)
    assert.equal(picker.missingWantedCount, naive.pieces.filter(naive.isNeeded).length)
    assert.equal(picker.wantedComplete, !naive.pieces.some(naive.isNeeded))
    assert.equal(picker.isEndgame, naive.isEndgame(this.peers))
    for (const [pieceIndex, piece] of naive.pieces.entries()) {
      assert.equal(picker.have.has(pieceIndex), piece.isHere)
      assert.equal(picker.isComplete(pieceIndex), naive.isWhole(piece))
      assert.deepEqual(picker.sendersOf(pieceIndex), piece.blocks?.map((block) => block.sender ?? -1) ?? [])
    }
    for (const peer of this.peers) {
      const isInteresting = naive.pieces.some((piece, pieceIndex) => naive.isNeeded(piece) && peer.pieces.has(pieceIndex))
      assert.equal(picker.isInteresting(peer.pieces), isInteresting)
    }
  }

  #join({ piece, amount }: Step): void {
    const pieces = Bitfield.empty(this.#pieceCount)
    for (let at = 0; at < this.#pieceCount; at++) if (amount % 4 === 0 || (piece >>> (at % 16)) % 2 === 1) pieces.set(at)
    this.availability.addPeer(pieces)
    const pieceAllowance = amount % 3 === 0 ? 1 : Number.POSITIVE_INFINITY
    this.peers.push({ key: ++this.#lastKey, pieces, isSlow: false, pieceAllowance, allowedFast: undefined, requests: [] })
  }

  #miss(pieceIndex: number): void {
    if (!this.naive.pieces[pieceIndex]!.isHere) return
    this.picker.markMissing(pieceIndex)
    this.naive.pieces[pieceIndex]!.isHere = false
  }

  #settle(step: Step, peer: Peer | undefined): void {
    const whole = this.naive.open.filter(this.naive.isWhole)
    const piece = whole[step.piece % Math.max(whole.length, 1)]
    if (piece === undefined) return
    const pieceIndex = this.naive.pieces.indexOf(piece)
    if (step.type === 'verify') {
      this.picker.onVerified(pieceIndex)
      this.naive.markHave(pieceIndex)
      return
    }
    const onlyFrom = step.type === 'parole' ? peer?.key : undefined
    this.picker.onFailed(pieceIndex, onlyFrom === undefined ? {} : { onlyFrom })
    this.naive.onFailed(pieceIndex, onlyFrom)
  }

  #playPeer(step: Step, peer: Peer, pieceIndex: number): void {
    const { naive, picker } = this
    const { type, amount } = step
    if (type === 'pick') this.#pick(peer, 1 + (amount % 6))
    else if (type === 'pick all') for (const each of this.peers) this.#pick(each, 20)
    else if (type === 'arrive' || type === 'not kept') this.#arrive(peer, amount, type === 'not kept')
    else if (type === 'arrive all') while (peer.requests.length > 0) this.#arrive(peer, 0, false)
    else if (type === 'lose') this.#lose(peer, amount)
    else if (type === 'slow') {
      peer.isSlow = !peer.isSlow
      if (!peer.isSlow) return
      picker.onPeerSlow(peer.key)
      naive.onSlow(peer.key)
    } else if (type === 'leave') {
      this.peers.splice(this.peers.indexOf(peer), 1)
      this.availability.removePeer(peer.pieces)
      picker.onPeerGone(peer.key)
      naive.onGone(peer.key)
    } else if (type === 'have') {
      if (peer.pieces.set(pieceIndex)) this.availability.addHave(peer.pieces, pieceIndex)
    } else if (type === 'dont have') {
      if (peer.pieces.clear(pieceIndex)) this.availability.removeHave(peer.pieces, pieceIndex)
    } else if (type === 'choke') peer.allowedFast = new Set(amount % 3 === 0 ? [] : [pieceIndex, (pieceIndex + amount) % this.#pieceCount])
    else if (type === 'unchoke') peer.allowedFast = undefined
    else if (type === 'allowance') peer.pieceAllowance = amount % 3 === 0 ? Number.POSITIVE_INFINITY : amount % 3
    else if (type === 'end parole') {
      picker.endParole(peer.key)
      naive.endParole(peer.key)
    } else if (type === 'drop') {
      picker.dropBlocksFrom(peer.key)
      naive.drop(peer.key)
    }
  }

  #pick(peer: Peer, count: number): void {
    const picks: { pieceIndex: number; begin: number; length: number }[] = []
    const picked = this.picker.pick(peer, count, (pieceIndex, begin, length) => picks.push({ pieceIndex, begin, length }))
    if (peer.isSlow && !this.naive.slow.has(peer.key)) this.naive.onSlow(peer.key)
    else if (!peer.isSlow) this.naive.slow.delete(peer.key)
    assert.equal(picked, picks.length)
    for (const { pieceIndex, begin, length } of picks) {
      const block = begin / BLOCK_LENGTH
      const answers = this.naive.answers(peer, this.peers)
      const isRight = answers.some((answer) => answer.pieceIndex === pieceIndex && answer.block === block)
      assert.ok(
        isRight,
        `picked ${pieceIndex}:${block}, right were ${answers.map((answer) => `${answer.pieceIndex}:${answer.block}`).join(' ')}`,
      )
      assert.equal(length, this.naive.geometry.blockLength(pieceIndex, block))
      this.naive.asked(peer.key, pieceIndex, block)
      peer.requests.push({ pieceIndex, begin })
    }
    this.picked += picked
    if (picked < count) assert.deepEqual(this.naive.answers(peer, this.peers), [], 'there was more to pick')
  }

  #arrive(peer: Peer, which: number, isLost: boolean): void {
    const [request] = peer.requests.splice(which % Math.max(peer.requests.length, 1), 1)
    if (request === undefined) return
    const { pieceIndex, begin } = request
    const others = this.naive.pieces[pieceIndex]!.blocks?.[begin / BLOCK_LENGTH]?.askers.filter((key) => key !== peer.key) ?? []
    const outcome = this.picker.onBlock(peer.key, pieceIndex, begin)
    assert.equal(outcome, this.naive.onBlock(peer.key, pieceIndex, begin))
    if (outcome !== 'first') return
    if (isLost) {
      this.picker.onBlockNotKept(pieceIndex, begin)
      Object.assign(this.naive.pieces[pieceIndex]!.blocks![begin / BLOCK_LENGTH]!, { sender: undefined, askers: [] })
      return
    }
    const told: number[] = []
    this.picker.otherAskers(pieceIndex, begin, peer.key, (key) => {
      told.push(key)
      // Half of the others answer the cancel at once, from inside the callback; half of them never do.
      if (key % 2 === 0) this.picker.onBlockLost(key, pieceIndex, begin)
    })
    assert.deepEqual(new Set(told), new Set(others))
    assert.equal(told.length, others.length)
  }

  #lose(peer: Peer, which: number): void {
    const [request] = peer.requests.splice(which % Math.max(peer.requests.length, 1), 1)
    if (request === undefined) return
    this.picker.onBlockLost(peer.key, request.pieceIndex, request.begin)
    this.naive.onLost(peer.key, request.pieceIndex, request.begin)
  }
}

describe('PiecePicker beside its naive twin', () => {
  const step = fc.record({
    type: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...STEPS) },
      {
        weight: 4,
        arbitrary: fc.constantFrom('pick' as const, 'pick all' as const, 'arrive' as const, 'arrive all' as const, 'verify' as const),
      },
    ),
    who: fc.nat(20),
    piece: fc.nat(0xffff),
    amount: fc.nat(100),
  })
  const joins = fc.array(
    fc.record({ type: fc.constant('join' as const), who: fc.constant(0), piece: fc.nat(0xffff), amount: fc.nat(100) }),
    {
      minLength: 1,
      maxLength: 5,
    },
  )

  function play(pieceCount: number, steps: readonly Step[], seed: number): Duel {
    let state = seed >>> 0
    const duel = new Duel(pieceCount, (limit) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * limit)
    })
    for (const each of steps) duel.play(each)
    return duel
  }

  test('picks only what the plain rules allow, and as much', () => {
    const histories = fc.tuple(fc.integer({ min: 1, max: 12 }), joins, fc.array(step, { maxLength: 150, size: 'max' }), fc.integer())
    fc.assert(
      fc.property(histories, ([pieceCount, first, steps, seed]) => {
        play(pieceCount, [...first, ...steps], seed)
      }),
      { numRuns: 300 },
    )
  })

  test('a piece whose parole ends is asked again of those who found nothing to do meanwhile', () => {
    const each = (type: Step['type'], who = 0, amount = 0): Step => ({ type, who, piece: 0, amount })
    const story = [each('pick', 0, 8), each('arrive all'), each('parole', 7), each('pick', 13), each('end parole', 1), each('pick', 0, 1)]
    play(1, [each('join'), each('join'), ...story], 0)
  })

  test('whatever happened before, the rest is picked, sent and verified in the end', () => {
    const histories = fc.tuple(fc.integer({ min: 1, max: 12 }), joins, fc.array(step, { maxLength: 60, size: 'max' }), fc.integer())
    fc.assert(
      fc.property(histories, ([pieceCount, first, steps, seed]) => {
        const duel = play(pieceCount, [...first, ...steps], seed)
        for (const peer of duel.peers.slice()) duel.play({ type: 'leave', who: duel.peers.indexOf(peer), piece: 0, amount: 0 })
        duel.play({ type: 'join', who: 0, piece: 0, amount: 4 })
        for (let round = 0; !duel.picker.wantedComplete; round++) {
          assert.ok(round < 20 * pieceCount, 'it does not come to an end')
          for (const type of ['pick', 'arrive all', 'verify', 'verify'] as const) duel.play({ type, who: 0, piece: 0, amount: 5 })
        }
      }),
      { numRuns: 100 },
    )
  })
})
