import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { Bitfield } from '@shoal/protocol/bitfield'
import { BLOCK_LENGTH, PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { Availability } from '../../packages/engine/src/swarm/availability.ts'
import { type PickPeer, PiecePicker } from '../../packages/engine/src/swarm/piece-picker.ts'

/*
 * What does the picker cost for each block? A swarm without sockets: whose turn it is falls by lot, its oldest block arrives,
 * it is asked for the next. A block costs one `pick`, one `onBlock`, and a share of `onVerified`.
 *
 *     npm run bench -- piece-picker
 */

const PIECES = 100_000
const BLOCKS_PER_PIECE = 16
const DEPTH = 32
const MAX_OPEN_PIECES = 1_000
const MEASURED_BLOCKS = 1_000_000

interface Case {
  readonly name: string
  /** Does this peer have this piece? */
  readonly has: (peer: number, pieceIndex: number) => boolean
  /** Pieces that are here already when the measurement begins. */
  readonly havePieces: number
  readonly sequential?: boolean
  /** 200 where nothing is said. */
  readonly peerCount?: number
}

const cases: readonly Case[] = [
  { name: 'four seeds', has: () => true, havePieces: 0, peerCount: 4 },
  { name: 'seeds', has: () => true, havePieces: 0 },
  { name: 'half of the pieces each', has: () => chance(2) === 0, havePieces: 0 },
  { name: 'half each, almost done (to the end)', has: () => chance(2) === 0, havePieces: 97_000 },
  { name: 'two in a hundred each, and one seed', has: (peer) => peer === 0 || chance(50) === 0, havePieces: 0 },
  { name: 'the first part each, and one seed', has: (peer, pieceIndex) => peer === 0 || pieceIndex < peer * 500, havePieces: 0 },
  { name: 'half each, sequential', has: () => chance(2) === 0, havePieces: 0, sequential: true },
]

let state = 1
function chance(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * limit)
}

interface Peer extends PickPeer {
  /** What it was asked for and has not sent, a ring: pieceIndex and begin. */
  readonly asked: Int32Array
  first: number
  count: number
}

function makePeer(key: number, pieces: Bitfield): Peer {
  const asked = new Int32Array(4 * DEPTH)
  return { key, pieces, isSlow: false, pieceAllowance: Number.POSITIVE_INFINITY, allowedFast: undefined, asked, first: 0, count: 0 }
}

function run({ name, has, havePieces, sequential = false, peerCount = 200 }: Case): void {
  const geometry = new PieceGeometry({ totalSize: PIECES * BLOCKS_PER_PIECE * BLOCK_LENGTH, pieceLength: BLOCKS_PER_PIECE * BLOCK_LENGTH })
  const availability = new Availability(PIECES)
  const peers = Array.from({ length: peerCount }, (_, key) => {
    const pieces = Bitfield.empty(PIECES)
    for (let pieceIndex = 0; pieceIndex < PIECES; pieceIndex++) if (has(key, pieceIndex)) pieces.set(pieceIndex)
    return makePeer(key, pieces)
  })
  const picker = new PiecePicker({ geometry, availability, randomBelow: chance, maxOpenPieces: MAX_OPEN_PIECES })
  const joinedAt = performance.now()
  for (const peer of peers) availability.addPeer(peer.pieces)
  const joinMs = (performance.now() - joinedAt) / peerCount
  for (let pieceIndex = 0; pieceIndex < havePieces; pieceIndex++) picker.markHave((pieceIndex * 7919) % PIECES)
  picker.sequential = sequential

  let asking: Peer = peers[0]!
  const onPick = (pieceIndex: number, begin: number): void => {
    const at = 2 * ((asking.first + asking.count++) % (2 * DEPTH))
    asking.asked[at] = pieceIndex
    asking.asked[at + 1] = begin
  }
  let picked = 0
  let duplicates = 0
  let idleTurns = 0
  const startedAt = performance.now()
  while (picked < MEASURED_BLOCKS && !picker.wantedComplete) {
    asking = peers[chance(peerCount)]!
    if (asking.count > 0) {
      const pieceIndex = asking.asked[2 * asking.first]!
      const begin = asking.asked[2 * asking.first + 1]!
      asking.first = (asking.first + 1) % (2 * DEPTH)
      asking.count--
      if (picker.onBlock(asking.key, pieceIndex, begin) !== 'first') duplicates++
      if (picker.isComplete(pieceIndex)) picker.onVerified(pieceIndex)
    }
    const got = picker.pick(asking, DEPTH - asking.count, onPick)
    if (got === 0) idleTurns++
    picked += got
  }
  const nanoseconds = (performance.now() - startedAt) * 1e6
  console.log(
    JSON.stringify({
      bench: 'piece-picker',
      case: name,
      pieces: PIECES,
      peers: peerCount,
      blocks: picked,
      duplicates,
      idleTurns,
      nsPerBlock: Math.round(nanoseconds / picked),
      nsPerTurn: Math.round(nanoseconds / (picked + idleTurns)),
      joinMs: Number(joinMs.toFixed(2)),
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim(),
      machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      node: process.version,
    }),
  )
}

for (const each of cases) run(each)
