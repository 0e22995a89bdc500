/** One connection, and the metadata of a magnet link, with peers that say anything. */

import { Random } from '@shoal/engine/simulation'
import { Bitfield } from '@shoal/protocol/bitfield'
import { concatBytes, equalBytes, fromLatin1 } from '@shoal/protocol/bytes'
import { BLOCK_LENGTH, PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { encodeHandshake, type Handshake } from '@shoal/protocol/wire/handshake'
import { BLOCK_MESSAGE_BYTES, MESSAGE_ID, writeCancel, writePieceHeader, writeRequest } from '@shoal/protocol/wire/message'
import { METADATA_PIECE_LENGTH, type MetadataMessage } from '@shoal/protocol/wire/metadata'
import { EngineError } from '../../../packages/engine/src/base/errors.ts'
import { DEFAULT_CONNECTION_OPTIONS } from '../../../packages/engine/src/base/options.ts'
import { LARGEST_METADATA, MetadataFetch } from '../../../packages/engine/src/peer/metadata-fetch.ts'
import { type Admission, PeerConnection, type PeerOwner } from '../../../packages/engine/src/peer/peer-connection.ts'
import { crc32 } from '../../../packages/engine/src/storage/crc32.ts'
import { fixtures } from '../corpus.ts'
import { ScriptedStream, StandingClock } from '../scripted-stream.ts'
import { expect, expectEqual, type FuzzTarget, isCaused } from '../target.ts'
import { MESSAGE_TOKENS } from '../tokens.ts'
import { chunksOf } from './peer-messages.ts'

export const INFO_HASH: Uint8Array = new Uint8Array(20).fill(0x61)
const THEIR_ID = fromLatin1('-XX0001-abcdefghijkl')
const OUR_ID = fromLatin1('-SH0100-abcdefghijkl')
/** Four pieces of two blocks, and a last one of seven bytes. */
const GEOMETRY = new PieceGeometry({ totalSize: 4 * 2 * BLOCK_LENGTH + 7, pieceLength: 2 * BLOCK_LENGTH })

/** A swarm's part of the conversation, in its plainest form: it asks for what it may, and serves what it has. */
class PlainOwner implements PeerOwner {
  readonly have = Bitfield.empty(GEOMETRY.pieceCount)
  readonly #random: Random
  readonly #knowsPieces: boolean
  blocks = 0
  isOver = false

  constructor(random: Random, knowsPieces: boolean) {
    this.#random = random
    this.#knowsPieces = knowsPieces
    this.have.set(0)
    this.have.set(GEOMETRY.pieceCount - 1)
  }

  onOpen(peer: PeerConnection): void {
    if (this.#knowsPieces) peer.setGeometry(GEOMETRY)
    peer.sendPieces(this.#knowsPieces ? this.have : undefined)
    if (peer.supportsExtensions) peer.sendExtensionHandshake({ listenPort: 6881, metadataSize: 300 })
  }

  onPieces(peer: PeerConnection): void {
    expectEqual(peer.pieces.size, GEOMETRY.pieceCount, 'pieces of a peer')
    peer.setInterested(!peer.pieces.isEmpty)
  }

  onHave(peer: PeerConnection, pieceIndex: number): void {
    expect(GEOMETRY.isValidPiece(pieceIndex) && peer.pieces.has(pieceIndex), `a have of piece ${pieceIndex}`)
    peer.setInterested(true)
  }

  onDontHave(peer: PeerConnection, pieceIndex: number): void {
    expect(GEOMETRY.isValidPiece(pieceIndex) && !peer.pieces.has(pieceIndex), `a don't-have of piece ${pieceIndex}`)
  }

  onUnchoked(peer: PeerConnection): void {
    this.#ask(peer)
  }

  onChoked(peer: PeerConnection): void {
    if (!peer.supportsFast) peer.pipeline.clear(() => undefined)
  }

  onInterestChanged(peer: PeerConnection): void {
    if (peer.state.isInterestedInUs) peer.unchoke()
    else peer.choke()
  }

  onBlock(_peer: PeerConnection, pieceIndex: number, begin: number, block: Uint8Array): void {
    expect(GEOMETRY.isOwnBlock(pieceIndex, begin, block.length), `a block of ${block.length} bytes at ${begin} of piece ${pieceIndex}`)
    this.blocks++
  }

  onStrayBlock(): void {}

  onRejected(_peer: PeerConnection, pieceIndex: number): void {
    expect(GEOMETRY.isValidPiece(pieceIndex), `a reject of piece ${pieceIndex}`)
  }

  onAllowedFast(_peer: PeerConnection, pieceIndex: number): void {
    expect(GEOMETRY.isValidPiece(pieceIndex), `piece ${pieceIndex} is allowed`)
  }

  mayServe(peer: PeerConnection, pieceIndex: number): boolean {
    return !peer.state.isChoking && this.have.has(pieceIndex)
  }

  onUploadWork(peer: PeerConnection): void {
    const { uploads } = peer
    while (uploads.size > 0 && this.#random.chance(3 / 4)) {
      if (this.#random.chance(1 / 8)) {
        peer.rejectRun()
        continue
      }
      expect(uploads.nextRun(16), 'a queue that is not empty and has nothing')
      for (let block = 0; block < uploads.runBlockCount; block++) {
        const length = block === uploads.runBlockCount - 1 ? uploads.runLastLength : BLOCK_LENGTH
        const begin = uploads.runBegin + block * BLOCK_LENGTH
        expect(GEOMETRY.isValidBlock(uploads.runPieceIndex, begin, length), `${length} bytes at ${begin} are to be served`)
        const frame = new Uint8Array(13 + length)
        writePieceHeader(frame, 0, uploads.runPieceIndex, begin, length)
        peer.sendBlocks(frame, length, () => undefined)
      }
    }
  }

  onExtensionHandshake(): void {}

  onMetadataMessage(peer: PeerConnection, message: MetadataMessage): void {
    if (message.type === 'request') peer.sendMetadataMessage({ type: 'reject', piece: message.piece })
  }

  onTurnEnd(peer: PeerConnection): void {
    this.#ask(peer)
    if (this.#random.chance(1 / 20)) peer.sendDontHave(0)
  }

  onClosed(): void {
    expect(!this.isOver, 'it was closed twice')
    this.isOver = true
  }

  #ask(peer: PeerConnection): void {
    if (peer.state.isChokingUs) return
    peer.pieces.forEachSet((pieceIndex) => {
      for (let block = 0; block < GEOMETRY.blockCount(pieceIndex); block++) {
        if (peer.pipeline.outstanding >= peer.pipeline.depth(peer.now) || this.#random.chance(1 / 2)) continue
        let isOut = false
        peer.pipeline.forEach((outIndex, outBegin) => {
          isOut ||= outIndex === pieceIndex && outBegin === block * BLOCK_LENGTH
        })
        if (!isOut) peer.request(pieceIndex, block * BLOCK_LENGTH, GEOMETRY.blockLength(pieceIndex, block))
      }
    })
  }
}

/** What the first byte of an input says about the conversation, beside what is said in it. */
const IS_DIALLED = 1
const IS_RAW = 2
const NO_FAST = 4
const NO_EXTENSIONS = 8

function converse(input: Uint8Array, knowsPieces: boolean): string {
  const flags = input[0] ?? 0
  const random = new Random(crc32(input))
  const clock = new StandingClock()
  const stream = new ScriptedStream()
  const owner = new PlainOwner(random, knowsPieces)
  let refusal: EngineError | undefined
  const connection = new PeerConnection({
    key: 1,
    stream,
    system: clock,
    connection: { ...DEFAULT_CONNECTION_OPTIONS, maxQueuedRequests: 20 },
    door: {
      admit: (_peer: PeerConnection, handshake: Handshake): Admission => {
        if (!equalBytes(handshake.infoHash, INFO_HASH)) throw new EngineError('PEER_UNKNOWN_TORRENT', 'It asks for another torrent')
        return { owner, infoHash: INFO_HASH, ourPeerId: OUR_ID }
      },
    },
    ...((flags & IS_DIALLED) === 0 ? {} : { greeting: { infoHash: INFO_HASH, ourPeerId: OUR_ID } }),
    onRefused: (error) => {
      expect(refusal === undefined, 'it was refused twice')
      refusal = error
    },
  })
  const greeting = encodeHandshake({
    infoHash: INFO_HASH,
    peerId: THEIR_ID,
    supportsExtensions: (flags & NO_EXTENSIONS) === 0,
    supportsFast: (flags & NO_FAST) === 0,
    supportsDht: true,
    supportsV2: false,
  })
  const said = (flags & IS_RAW) === 0 ? concatBytes([greeting, input.subarray(1)]) : input.subarray(1)
  for (const chunk of chunksOf(said, 200)) {
    const view = chunk.slice()
    stream.say(view)
    view.fill(0xdb)
    if (random.chance(1 / 4)) clock.pass(random.below(3_000))
    if (random.chance(1 / 8)) connection.onTick(clock.now())
    if (random.chance(1 / 8)) stream.drain()
  }
  if (!knowsPieces && connection.isOpen) connection.setGeometry(GEOMETRY)
  clock.pass(11_000)
  expect(connection.isClosed === stream.isClosed, 'the connection and its stream do not agree on whether they are open')
  const { isClosed } = connection
  const error = stream.error ?? refusal
  if (error !== undefined && !(error instanceof EngineError && isCaused(error))) throw error
  expect(isClosed || connection.isOpen, 'it never ended, and never began')
  connection.close()
  clock.pass(1)
  expectEqual(clock.timerCount, 0, 'timers left')
  expect(connection.uploads.size <= 20, 'more requests wait than may')
  if (!isClosed) return `goes on, ${Math.min(9, owner.blocks)} blocks`
  return error instanceof EngineError ? `${error.code} ${(error.cause as { code?: string } | undefined)?.code ?? ''}`.trim() : 'closed'
}

function requestOf(pieceIndex: number, begin: number, length: number): Uint8Array {
  const message = new Uint8Array(BLOCK_MESSAGE_BYTES)
  writeRequest(message, 0, pieceIndex, begin, length)
  return message
}

function cancelOf(pieceIndex: number, begin: number, length: number): Uint8Array {
  const message = new Uint8Array(BLOCK_MESSAGE_BYTES)
  writeCancel(message, 0, pieceIndex, begin, length)
  return message
}

function conversations(): Uint8Array[] {
  const random = new Random('conversations')
  const interested = Uint8Array.of(0, 0, 0, 1, MESSAGE_ID.interested)
  const requests = [0, 0, 4].map((index, at) => requestOf(index, index === 4 ? 0 : at * BLOCK_LENGTH, index === 4 ? 7 : BLOCK_LENGTH))
  // A leecher's side: it is served in runs, takes some back, and is choked with some waiting.
  const served = [
    [interested, ...requests, ...requests, ...requests],
    [interested, ...requests, cancelOf(0, BLOCK_LENGTH, BLOCK_LENGTH), ...requests, Uint8Array.of(0, 0, 0, 1, MESSAGE_ID.notInterested)],
    [interested, ...Array.from({ length: 30 }, (_, at) => requestOf(0, (at * 1_000) % BLOCK_LENGTH, 1 + at * 500))],
  ]
  const some = Array.from({ length: 40 }, () => {
    const count = 1 + random.below(12)
    const messages = Array.from({ length: count }, () => MESSAGE_TOKENS[random.below(MESSAGE_TOKENS.length)]!)
    return concatBytes([Uint8Array.of(random.chance(1 / 2) ? IS_DIALLED : 0), ...messages])
  })
  return [
    ...some,
    ...served.map((messages) => concatBytes([Uint8Array.of(0), ...messages])),
    ...fixtures('wire/bad', '.bin').flatMap((bytes) => [
      concatBytes([Uint8Array.of(0), bytes]),
      concatBytes([Uint8Array.of(IS_RAW), bytes]),
    ]),
  ]
}

const CONVERSATION = {
  grammar: 'wire',
  tokens: MESSAGE_TOKENS,
  maxBytes: 70_000,
  refusals: 'none',
  corpus: conversations,
} as const

export const peerConnection: FuzzTarget = {
  ...CONVERSATION,
  name: 'peer-connection',
  run: (input) => converse(input, true),
}

/** A magnet link: what the peer says of its pieces comes before anybody knows how many there are. */
export const peerBeforeMetadata: FuzzTarget = {
  ...CONVERSATION,
  name: 'peer-before-metadata',
  run: (input) => converse(input, false),
}

const METADATA = Uint8Array.from({ length: 2 * METADATA_PIECE_LENGTH + 300 }, (_, at) => (at * 7) & 0xff)
const HONEST = 0
const STEP_BYTES = 4

/**
 * Four bytes are one thing that happens: who does what to which piece, and how. Peer 0 is honest; all others do what the
 * bytes say. Whatever they do, peer 0 is never called a liar, and in the end its word is enough.
 */
export const metadataFetch: FuzzTarget = {
  name: 'metadata-fetch',
  oneIn: 4,
  grammar: 'bytes',
  tokens: [0, 1, 2, 3, 4, 5, 6].map((kind) => Uint8Array.of(kind, 1, 0, 0)),
  maxBytes: 1_200,
  refusals: 'none',
  corpus: () => {
    const random = new Random('metadata')
    return [
      new Uint8Array(4),
      ...Array.from({ length: 30 }, () =>
        random.bytes(STEP_BYTES * (1 + random.below(60))).map((byte, at) => (at % 4 === 3 ? byte : byte & 7)),
      ),
    ]
  },
  run(input) {
    const fetch = new MetadataFetch({ isRight: (raw) => equalBytes(raw, METADATA) })
    let now = 1_000
    let complete: Uint8Array | undefined
    let badCount = 0
    const asked = new Map<number, number[]>()
    const take = (peer: number, piece: number, totalSize: number | undefined, data: Uint8Array): void => {
      const outcome = fetch.onData(peer, piece, totalSize, data, now)
      if (outcome.type === 'more') return
      expect(!outcome.liars.includes(HONEST), 'the honest peer is called a liar')
      if (outcome.type === 'complete') complete = outcome.raw
      else badCount++
    }
    const ask = (peer: number): number | undefined => {
      const piece = fetch.next(peer, now)
      if (piece === undefined) return undefined
      expect(
        piece * METADATA_PIECE_LENGTH < fetch.size && fetch.size <= LARGEST_METADATA,
        `piece ${piece} of ${fetch.size} bytes is asked for`,
      )
      asked.set(peer, [...(asked.get(peer) ?? []), piece])
      return piece
    }
    for (let at = 0; at + STEP_BYTES <= input.length && complete === undefined; at += STEP_BYTES) {
      const [kind, who, piece, how] = [input[at]! % 7, 1 + (input[at + 1]! % 5), input[at + 2]! % 4, input[at + 3]!]
      if (kind === 0)
        fetch.onPeer(who, [METADATA.length, METADATA.length + 1, 300, LARGEST_METADATA, LARGEST_METADATA + 1, 0, -1, 0.5][how & 7]!)
      else if (kind === 1) ask(who)
      else if (kind === 2) take(who, asked.get(who)?.shift() ?? piece, (how & 1) === 0 ? METADATA.length : undefined, piecesOf(piece, how))
      else if (kind === 3) fetch.onReject(who, piece, now)
      else if (kind === 4) fetch.onPeerGone(who)
      else if (kind === 5) {
        now += how * 200
        fetch.tick(now)
      } else {
        fetch.onPeer(HONEST, METADATA.length)
        const wanted = ask(HONEST)
        if (wanted !== undefined && (how & 1) === 0) answerHonestly(take, wanted)
      }
    }
    for (let peer = 1; peer <= 5; peer++) fetch.onPeerGone(peer)
    fetch.onPeer(HONEST, METADATA.length)
    for (let step = 0; complete === undefined && step < 1_000; step++) {
      const wanted = ask(HONEST)
      if (wanted !== undefined) answerHonestly(take, wanted)
      now += 1_000
      fetch.tick(now)
    }
    expect(complete !== undefined && equalBytes(complete, METADATA), 'the honest peer alone did not suffice in the end')
    return badCount === 0 ? 'complete' : 'complete after lies'
  },
}

function answerHonestly(take: (peer: number, piece: number, totalSize: number | undefined, data: Uint8Array) => void, piece: number): void {
  take(HONEST, piece, METADATA.length, METADATA.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH))
}

/** The right bytes, wrong ones, or too few of them. */
function piecesOf(piece: number, how: number): Uint8Array {
  const right = METADATA.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH)
  if ((how & 6) === 0) return right
  if ((how & 6) === 2) return right.map((byte) => byte ^ how)
  return right.subarray(0, how)
}
