import { createHash, type Hash, randomFillSync } from 'node:crypto'
import { closeSync, createReadStream, ftruncateSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

const STEP = 8 * 1024 * 1024

interface PayloadFile {
  /** Below the payload's folder. */
  readonly path: string
  readonly bytes: number
}

/** Random files, and what they must be when they arrive somewhere else. */
export class Payload {
  readonly bytes: number
  /** The folder in which the content is. */
  readonly dir: string
  /** The file, or the folder of files, that becomes a torrent. */
  readonly name: string
  readonly #files: readonly PayloadFile[]
  readonly #sha256: string

  private constructor(dir: string, name: string, files: readonly PayloadFile[]) {
    this.dir = dir
    this.name = name
    this.bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    this.#files = files
    const hash = createHash('sha256')
    for (const file of files) makeFile(join(dir, file.path), file.bytes, hash)
    this.#sha256 = hash.digest('hex')
  }

  static file(dir: string, bytes: number): Payload {
    return new Payload(dir, 'payload.bin', [{ path: 'payload.bin', bytes }])
  }

  /** Files of equal size in ten folders. */
  static folder(dir: string, { bytes, fileCount }: { bytes: number; fileCount: number }): Payload {
    const each = Math.floor(bytes / fileCount)
    const files = Array.from({ length: fileCount }, (_, at) => ({ path: `payload/${at % 10}/file-${at}.bin`, bytes: each }))
    return new Payload(dir, 'payload', files)
  }

  get content(): string {
    return join(this.dir, this.name)
  }

  /** Writes one of so many parts of a single file where it belongs, cut between pieces; the rest of the file is a hole. */
  putPart(dir: string, { part, of, pieceLength }: { part: number; of: number; pieceLength: number }): void {
    const pieceCount = Math.ceil(this.bytes / pieceLength)
    const begin = Math.floor((pieceCount * part) / of) * pieceLength
    const end = Math.min(Math.floor((pieceCount * (part + 1)) / of) * pieceLength, this.bytes)
    const from = openSync(this.content, 'r')
    const to = openSync(join(dir, this.name), 'wx')
    try {
      const block = new Uint8Array(STEP)
      for (let at = begin; at < end; at += STEP) {
        const length = readSync(from, block, 0, Math.min(STEP, end - at), at)
        writeSync(to, block, 0, length, at)
      }
      ftruncateSync(to, this.bytes)
    } finally {
      closeSync(from)
      closeSync(to)
    }
  }

  /** @throws when what is in `dir` is not, byte for byte, this payload; `whose` is named then. */
  async verify(dir: string, whose: string): Promise<void> {
    const hash = createHash('sha256')
    for (const { path } of this.#files) await addFile(join(dir, path), hash)
    if (hash.digest('hex') !== this.#sha256) throw new Error(`${whose}: SHA-256 of what arrived is not that of what was sent`)
  }
}

function makeFile(path: string, bytes: number, hash: Hash): void {
  mkdirSync(dirname(path), { recursive: true })
  const block = new Uint8Array(Math.min(STEP, bytes))
  const file = openSync(path, 'wx')
  try {
    for (let left = bytes; left > 0; left -= STEP) {
      const part = block.subarray(0, Math.min(STEP, left))
      randomFillSync(part)
      hash.update(part)
      for (let at = 0; at < part.length; ) at += writeSync(file, part, at)
    }
  } finally {
    closeSync(file)
  }
}

async function addFile(path: string, hash: Hash): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: STEP })) hash.update(chunk as Uint8Array)
}

/**
 * Touches as much memory as a run will write to. On a virtual machine the first touch of a page costs more than
 * everything that is measured (2.5 s a GiB), so a cold run says nothing about the program.
 */
export function warmMemory(path: string, bytes: number): void {
  const block = new Uint8Array(STEP)
  const file = openSync(path, 'w+')
  try {
    for (let left = bytes; left > 0; left -= STEP) writeSync(file, block, 0, Math.min(STEP, left))
    for (let at = 0; at < bytes; at += STEP) readSync(file, block, 0, STEP, at)
  } finally {
    closeSync(file)
    rmSync(path)
  }
}
