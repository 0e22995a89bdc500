import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** The folder that is shared; its own name is not ASCII either. */
export const PAYLOAD_NAME = 'Bài giảng 讲座'

/** For torrents of the payload: far more pieces than files, and most files begin inside a piece. */
export const PIECE_LENGTH = 65_536

/** What tends to go wrong between clients: names, sizes around a block (16 KiB), and pieces that span files. */
const FILES: readonly (readonly [path: string, length: number])[] = [
  ['Chương 1/Giới thiệu.txt', 5_000],
  ['Chương 1/một khối.bin', 16_384],
  ['Chương 1/thiếu một.bin', 16_383],
  ['a/b/c/d/deep.bin', 100_001],
  ['empty.txt', 0],
  // As macOS writes it: letters and their marks one by one. Clients must give back the bytes they got.
  ['Tệp ở dạng NFD.txt'.normalize('NFD'), 20_000],
  ['tiny', 1],
  ['video.bin', 9 * 1024 * 1024 + 12_345],
  ['第一章/讲义 (1).pdf', 65_537],
  ['第一章/empty too', 0],
  ['~ last.txt', 777],
]

/** SHA-256 of an empty file. */
export const DIGEST_OF_NOTHING: string = createHash('sha256').digest('hex')

/** Writes the payload below `dir`: the same bytes every time. */
export function writePayload(dir: string): void {
  for (const [path, length] of FILES) {
    const target = join(dir, PAYLOAD_NAME, ...path.split('/'))
    mkdirSync(dirname(target), { recursive: true })
    const bytes = length === 0 ? '' : createHash('shake256', { outputLength: length }).update(path).digest()
    writeFileSync(target, bytes)
  }
}

/** Every file below `dir`, by its path there, with its SHA-256: equal trees are equal objects. */
export function digestsOf(dir: string): Record<string, string> {
  const digests: [string, string][] = []
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    digests.push([relative(dir, path), createHash('sha256').update(readFileSync(path)).digest('hex')])
  }
  return Object.fromEntries(digests.sort(([a], [b]) => (a < b ? -1 : 1)))
}
