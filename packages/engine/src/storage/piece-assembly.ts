import { BLOCK_LENGTH, type PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import type { Disk } from '../ports/disk.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { CopySource } from './piece-writer.ts'
import { PrefixHash } from './prefix-hash.ts'
import type { SlabPool } from './slab-pool.ts'
import { SpillFile } from './spill-file.ts'
import type { PlaceOnDisk } from './stored-files.ts'

export interface AssemblyOptions {
  /** The session's, shared by its torrents. */
  readonly slabs: SlabPool
  readonly disk: Disk
  readonly hasher: Pick<Hasher, 'hashesWhileReceiving' | 'startPiece'>
  readonly geometry: PieceGeometry
  /** Memory for unfinished pieces; at least `MIN_OPEN_PIECES` are held, whatever this says. */
  readonly memoryBytes: number
  /** Where pieces wait that are too large for memory. */
  readonly spill: PlaceOnDisk
}

/** `complete`: that was the last block. `duplicate`: we have it already, or the piece is not open. `no-room`: not taken, ask again later. */
export type BlockOutcome = 'partial' | 'complete' | 'duplicate' | 'no-room'

/** With fewer, one slow peer can hold up everybody. */
const MIN_OPEN_PIECES = 4
const MAX_MEMORY_PIECE_BYTES = 16 * 1024 * 1024
/** Blocks of large pieces on their way to the spill file; what comes on top is not taken. */
const MAX_SPILLING_BYTES = 16 * 1024 * 1024

interface OpenPiece {
  readonly pieceIndex: number
  readonly slot: number
  /** Of this piece; undefined when it is spilled. */
  readonly bytes: Uint8Array | undefined
  /** One a block: is it here? */
  readonly blocks: Uint8Array
  /** Undefined where the piece is hashed as a whole, later. */
  readonly hash: PrefixHash | undefined
  missingBlocks: number
  /** Spilled blocks that are not in the file yet, by `begin`; those whose write failed stay. */
  readonly unwritten: Map<number, Uint8Array>
  readonly writing: Set<Promise<void>>
}

/**
 * Blocks in, whole pieces out, in memory of a fixed size.
 *
 * The memory is one slab that the hash workers see too, cut into slots of a piece each. A block is copied once,
 * out of the receive buffer into its place; nothing is allocated for it. Pieces above 16 MiB are spilled: their
 * blocks go to slots of a file instead.
 *
 * A piece is open from `begin` to `release`. Whoever wants a new one when all slots are taken waits: the picker
 * opens no piece while `hasRoom` is false.
 */
export class PieceAssembly {
  /** How many pieces can be open at once. */
  readonly capacity: number
  readonly #slabs: SlabPool
  readonly #hasher: Pick<Hasher, 'hashesWhileReceiving' | 'startPiece'>
  readonly #geometry: PieceGeometry
  readonly #spill: SpillFile | undefined
  readonly #pieces = new Map<number, OpenPiece>()
  readonly #freeSlots: number[]
  /** One array a slot, used again by its next piece. */
  readonly #blocksOfSlot: Uint8Array[]
  #slab: Uint8Array | undefined
  #spillingBytes = 0

  constructor(options: AssemblyOptions) {
    const { geometry } = options
    this.#slabs = options.slabs
    this.#hasher = options.hasher
    this.#geometry = geometry
    const isSpilled = geometry.pieceLength > MAX_MEMORY_PIECE_BYTES
    const slots = isSpilled ? MIN_OPEN_PIECES : Math.max(MIN_OPEN_PIECES, Math.floor(options.memoryBytes / geometry.pieceLength))
    this.capacity = Math.min(slots, Math.max(geometry.pieceCount, 1))
    this.#spill = isSpilled
      ? new SpillFile({ disk: options.disk, place: options.spill, slotBytes: Math.min(geometry.pieceLength, geometry.totalSize) })
      : undefined
    this.#freeSlots = Array.from({ length: this.capacity }, (_, at) => this.capacity - 1 - at)
    const blockCount = geometry.pieceCount === 0 ? 0 : geometry.blockCount(0)
    this.#blocksOfSlot = Array.from({ length: this.capacity }, () => new Uint8Array(blockCount))
  }

  get openCount(): number {
    return this.#pieces.size
  }

  get hasRoom(): boolean {
    return this.#freeSlots.length > 0
  }

  isOpen(pieceIndex: number): boolean {
    return this.#pieces.has(pieceIndex)
  }

  hasBlock(pieceIndex: number, begin: number): boolean {
    return this.#pieces.get(pieceIndex)?.blocks[begin / BLOCK_LENGTH] === 1
  }

  /** Opens a piece. @returns false when there is no room; true also when it is open already */
  begin(pieceIndex: number): boolean {
    if (this.#pieces.has(pieceIndex)) return true
    const slot = this.#freeSlots.pop()
    if (slot === undefined) return false
    const blockCount = this.#geometry.blockCount(pieceIndex)
    const blocks = this.#blocksOfSlot[slot]!
    blocks.fill(0)
    const bytes = this.#spill === undefined ? this.#memoryOf(slot, this.#geometry.pieceSize(pieceIndex)) : undefined
    const isHashedHere = bytes !== undefined && this.#hasher.hashesWhileReceiving(this.#geometry.totalSize)
    const hash = isHashedHere ? new PrefixHash({ hasher: this.#hasher, bytes, blocks }) : undefined
    const missingBlocks = blockCount
    this.#pieces.set(pieceIndex, { pieceIndex, slot, bytes, blocks, hash, missingBlocks, unwritten: new Map(), writing: new Set() })
    return true
  }

  /**
   * Takes a block of the grid (`PieceGeometry.isOwnBlock`). `view` may be reused once this returns.
   * A piece that is not open is opened if there is room.
   */
  addBlock(pieceIndex: number, begin: number, view: Uint8Array): BlockOutcome {
    let piece = this.#pieces.get(pieceIndex)
    if (piece === undefined) {
      if (!this.begin(pieceIndex)) return 'no-room'
      piece = this.#pieces.get(pieceIndex)!
    }
    const blockIndex = begin / BLOCK_LENGTH
    if (piece.blocks[blockIndex] === 1) return 'duplicate'
    if (piece.bytes !== undefined) this.#slabs.copyIn(piece.bytes, begin, view)
    else if (!this.#spillBlock(piece, begin, view)) return 'no-room'
    piece.blocks[blockIndex] = 1
    piece.missingBlocks--
    piece.hash?.onBlock(this.#geometry.blockCount(pieceIndex))
    return piece.missingBlocks === 0 ? 'complete' : 'partial'
  }

  /** Forgets one block (its sender lied elsewhere): it can be added again. A piece without blocks is released. */
  drop(pieceIndex: number, begin: number): void {
    const piece = this.#pieces.get(pieceIndex)
    const blockIndex = begin / BLOCK_LENGTH
    if (piece === undefined || piece.blocks[blockIndex] !== 1) return
    piece.blocks[blockIndex] = 0
    piece.missingBlocks++
    piece.hash?.onDropped(blockIndex)
    this.#forgetUnwritten(piece, begin)
    if (piece.missingBlocks === this.#geometry.blockCount(pieceIndex)) this.release(pieceIndex)
  }

  /** The memory of an open piece; undefined when it is spilled. Not to be touched after `release`. */
  bytesOf(pieceIndex: number): Uint8Array | undefined {
    return this.#pieces.get(pieceIndex)?.bytes
  }

  /** SHA-1 of a piece all of whose blocks are here, where it was hashed meanwhile (`Hasher.hashesWhileReceiving`). */
  digestOf(pieceIndex: number): Uint8Array | undefined {
    return this.#pieces.get(pieceIndex)?.hash?.digest
  }

  /**
   * Where a spilled piece lies, once all its blocks are in the file. Blocks that could not be written are tried again.
   * @throws {EngineError} `DISK_FULL`, …; no block is lost
   */
  async spilled(pieceIndex: number): Promise<CopySource> {
    const piece = this.#pieces.get(pieceIndex)
    if (piece === undefined || this.#spill === undefined) throw new Error(`Cannot happen: piece ${pieceIndex} is not spilled`)
    while (piece.writing.size > 0) await Promise.all(piece.writing)
    for (const [begin, bytes] of piece.unwritten) {
      await this.#spill.write(piece.slot, begin, bytes)
      this.#forgetUnwritten(piece, begin)
    }
    return this.#spill.source(piece.slot, this.#geometry.pieceSize(pieceIndex))
  }

  /** Forgets a piece; its slot is free for another once nothing is being written there. */
  release(pieceIndex: number): void {
    const piece = this.#pieces.get(pieceIndex)
    if (piece === undefined) return
    this.#pieces.delete(pieceIndex)
    if (piece.writing.size === 0) this.#free(piece)
    else void Promise.all(piece.writing).then(() => this.#free(piece))
  }

  /** Forgets all pieces, gives the memory back and removes the spill file. No piece may be on its way to the disk any more. */
  async close(): Promise<void> {
    const writing = [...this.#pieces.values()].flatMap((piece) => [...piece.writing])
    for (const pieceIndex of this.#pieces.keys()) this.release(pieceIndex)
    await Promise.all(writing)
    if (this.#slab !== undefined) this.#slabs.giveBack(this.#slab)
    this.#slab = undefined
    await this.#spill?.remove()
  }

  #memoryOf(slot: number, length: number): Uint8Array {
    const { pieceLength } = this.#geometry
    this.#slab ??= this.#slabs.take(this.capacity * pieceLength)
    return this.#slab.subarray(slot * pieceLength, slot * pieceLength + length)
  }

  #spillBlock(piece: OpenPiece, begin: number, view: Uint8Array): boolean {
    if (this.#spillingBytes + view.length > MAX_SPILLING_BYTES) return false
    const bytes = view.slice()
    this.#spillingBytes += bytes.length
    piece.unwritten.set(begin, bytes)
    const writing: Promise<void> = this.#spill!.write(piece.slot, begin, bytes).then(
      () => {
        piece.writing.delete(writing)
        this.#forgetUnwritten(piece, begin)
      },
      // Kept in `unwritten`: `spilled` tries again and tells what is wrong.
      () => void piece.writing.delete(writing),
    )
    piece.writing.add(writing)
    return true
  }

  #forgetUnwritten(piece: OpenPiece, begin: number): void {
    const bytes = piece.unwritten.get(begin)
    if (bytes === undefined || !piece.unwritten.delete(begin)) return
    this.#spillingBytes -= bytes.length
  }

  #free(piece: OpenPiece): void {
    for (const begin of piece.unwritten.keys()) this.#forgetUnwritten(piece, begin)
    this.#freeSlots.push(piece.slot)
  }
}
