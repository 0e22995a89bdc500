import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTorrent } from '@shoal/engine/create-torrent'
import { infoHashHex } from '@shoal/protocol/info-hash'
import { parseMetainfo } from '@shoal/protocol/metainfo/metainfo'

export interface BenchTorrent {
  readonly file: string
  /** Lower-case hex. */
  readonly infoHash: string
}

/** As long as every number that takes its place. */
const SOURCE_PREFIX = 'bench-'
const SOURCE = `${SOURCE_PREFIX}00000000`

/**
 * The same content in as many torrents as are asked for, hashed once. Every swarm of a run has an info hash of its own,
 * so nobody meets the dead of the last round at the tracker.
 */
export class BenchTorrents {
  readonly #bytes: Buffer
  readonly #dir: string
  #count = 0

  private constructor(bytes: Uint8Array, dir: string) {
    this.#bytes = Buffer.from(bytes)
    this.#dir = dir
  }

  static async create(content: string, options: { dir: string; tracker: string; pieceLength: number }): Promise<BenchTorrents> {
    const { dir, tracker, pieceLength } = options
    const { bytes } = await createTorrent(content, { trackers: [[tracker]], pieceLength, source: SOURCE })
    return new BenchTorrents(bytes, dir)
  }

  next(): BenchTorrent {
    const number = ++this.#count
    const bytes = Buffer.from(this.#bytes)
    bytes.write(`${SOURCE_PREFIX}${String(number).padStart(8, '0')}`, bytes.lastIndexOf(SOURCE), 'latin1')
    const file = join(this.#dir, `${number}.torrent`)
    writeFileSync(file, bytes)
    const { info } = parseMetainfo(bytes, { sha1: digest('sha1'), sha256: digest('sha256') })
    return { file, infoHash: infoHashHex(info.infoHashV1!) }
  }
}

function digest(algorithm: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => createHash(algorithm).update(bytes).digest()
}
