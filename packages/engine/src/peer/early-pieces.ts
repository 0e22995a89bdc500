import { Bitfield } from '@shoal/protocol/bitfield'
import { EngineError } from '../base/errors.ts'

const MAX_BITFIELD_BYTES = 262_144
const MAX_EARLY_HAVES = 65_536

/**
 * What a peer said of its pieces while we did not know yet how many there are: a magnet link knows only a hash.
 * Kept unchecked and bounded, checked once the metadata is here.
 */
export class EarlyPieces {
  #bits: Uint8Array | 'all' | undefined
  readonly #haves = new Set<number>()

  onBitfield(bits: Uint8Array): void {
    if (bits.length > MAX_BITFIELD_BYTES)
      throw new EngineError('PEER_MISBEHAVED', `Its bitfield has ${bits.length} bytes: more than any torrent`)
    this.#bits = bits.slice()
  }

  onHaveAll(): void {
    this.#bits = 'all'
  }

  onHave(pieceIndex: number): void {
    if (this.#haves.size >= MAX_EARLY_HAVES) throw new EngineError('PEER_MISBEHAVED', 'It announces pieces without end')
    this.#haves.add(pieceIndex)
  }

  /** @throws ProtocolError or EngineError when what was said does not fit a torrent of `pieceCount` pieces. */
  resolve(pieceCount: number): Bitfield {
    const bits = this.#bits
    const pieces =
      bits === 'all' ? Bitfield.full(pieceCount) : bits === undefined ? Bitfield.empty(pieceCount) : Bitfield.fromBytes(bits, pieceCount)
    for (const pieceIndex of this.#haves) {
      if (pieceIndex >= pieceCount) throw new EngineError('PEER_MISBEHAVED', `It says it has piece ${pieceIndex} of ${pieceCount}`)
      pieces.set(pieceIndex)
    }
    return pieces
  }
}
