import { createHash } from 'node:crypto'
import { concatBytes } from '@shoal/protocol/bytes'
import { type Info, parseInfo } from '@shoal/protocol/metainfo/info'
import { formatMagnet } from '@shoal/protocol/metainfo/magnet'
import { encodeInfo, encodeMetainfo } from '@shoal/protocol/metainfo/metainfo'
import type { SimDisk } from '../src/sim/disk.ts'
import { Random } from '../src/sim/random.ts'

export function sha1(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha1').update(bytes).digest())
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

export interface SwarmTorrentOptions {
  readonly seed: string
  /** Of the files, in order. One alone makes a torrent that is a single file. */
  readonly lengths: readonly number[]
  readonly pieceLength: number
  readonly trackers?: readonly (readonly string[])[]
  /** The same megabyte again and again: for stories that move much. */
  readonly isCheap?: boolean
}

/** A torrent of random content, made from a seed, that can be laid onto simulated disks and compared with them. */
export class SwarmTorrent {
  readonly info: Info
  readonly metainfo: Uint8Array
  readonly content: Uint8Array
  readonly #trackers: readonly (readonly string[])[]

  constructor(options: SwarmTorrentOptions) {
    const random = new Random(`content ${options.seed}`)
    const { lengths, pieceLength } = options
    this.#trackers = options.trackers ?? []
    this.content = options.isCheap ? cheapBytes(random, lengths) : concatBytes(lengths.map((length) => random.bytes(length)))
    const pieceHashes: Uint8Array[] = []
    for (let at = 0; at < this.content.length; at += pieceLength) pieceHashes.push(sha1(this.content.subarray(at, at + pieceLength)))
    const name = 'shoal'
    const isSingle = lengths.length === 1
    const infoRaw = encodeInfo({
      name,
      pieceLength,
      pieceHashes: concatBytes(pieceHashes),
      files: lengths.map((length, at) => ({ length, path: isSingle ? [name] : [name, at % 3 === 0 ? 'deep' : `f${at}`, `${at}.bin`] })),
    })
    this.metainfo = encodeMetainfo({ infoRaw, trackers: this.#trackers })
    this.info = parseInfo(infoRaw, { sha1, sha256 })
  }

  get magnet(): string {
    return formatMagnet({
      infoHashV1: this.info.infoHashV1!,
      name: this.info.name,
      trackers: this.#trackers.flat(),
      webSeeds: [],
      peers: [],
    })
  }

  fileBytes(fileIndex: number): Uint8Array {
    const { offset, length } = this.info.files[fileIndex]!
    return this.content.subarray(offset, offset + length)
  }

  pieceBytes(pieceIndex: number): Uint8Array {
    const { pieceLength } = this.info
    return this.content.subarray(pieceIndex * pieceLength, (pieceIndex + 1) * pieceLength)
  }

  pathOf(dir: string, fileIndex: number): string {
    return `${dir}/${this.info.files[fileIndex]!.path.join('/')}`
  }

  /** The whole content, as a seeder has it. `isMissing` pieces are left as zeros. */
  putOn(disk: SimDisk, dir: string, isMissing?: (pieceIndex: number) => boolean): void {
    let { content } = this
    if (isMissing !== undefined) {
      content = content.slice()
      const { pieceLength, pieceCount } = this.info
      for (let piece = 0; piece < pieceCount; piece++) {
        if (isMissing(piece)) content.fill(0, piece * pieceLength, (piece + 1) * pieceLength)
      }
    }
    for (const [fileIndex, { offset, length }] of this.info.files.entries()) {
      disk.putFile(this.pathOf(dir, fileIndex), content.subarray(offset, offset + length))
    }
  }

  /** What is not as it should be below `dir`, in words; empty when all wanted files are equal. */
  differences(disk: SimDisk, dir: string, wanted?: readonly number[]): string[] {
    const found: string[] = []
    for (const fileIndex of wanted ?? this.info.files.keys()) {
      const path = this.pathOf(dir, fileIndex)
      const bytes = disk.fileBytes(path)
      if (bytes === undefined) found.push(`${path} is missing`)
      else if (bytes.length !== this.info.files[fileIndex]!.length) found.push(`${path} has ${bytes.length} bytes`)
      else if (Buffer.compare(bytes, this.fileBytes(fileIndex)) !== 0) found.push(`${path} differs`)
    }
    return found
  }
}

function cheapBytes(random: Random, lengths: readonly number[]): Uint8Array {
  const some = random.bytes(1024 * 1024)
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  for (let at = 0; at < bytes.length; at += some.length) bytes.set(some.subarray(0, bytes.length - at), at)
  return bytes
}
