import { concatBytes } from '@shoal/protocol/bytes'
import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import { EngineError, type EngineErrorCode } from '../base/errors.ts'
import type { FileSlice, Hasher, RunningHash } from '../ports/hasher.ts'
import { SimDiskFile } from './disk-file.ts'
import { sha1, sha256 } from './sha.ts'
import type { SimSystem } from './system.ts'

export interface SimHasherOptions {
  readonly threads?: number
  /** Pieces are hashed while they come in, as on machines of one core. */
  readonly hashWhileReceiving?: boolean
  /** What one job takes; jobs of one thread take it one after another. */
  readonly jobMs?: number
  /** The platform's own, where a test wants speed. */
  readonly sha1?: (bytes: Uint8Array) => Uint8Array
  readonly sha256?: (bytes: Uint8Array) => Uint8Array
}

/**
 * The hashing threads in virtual time. Bytes that somebody changes while they are with the hasher are a bug of the caller
 * that real threads would hide most of the time; here it is told.
 */
export class SimHasher implements Hasher {
  readonly threads: number
  readonly #hashesWhileReceiving: boolean
  readonly #system: SimSystem
  readonly #jobMs: number
  readonly #sha1: (bytes: Uint8Array) => Uint8Array
  readonly #sha256: (bytes: Uint8Array) => Uint8Array
  readonly #allocated = new Set<ArrayBufferLike>()
  /** When each thread has done what it was given. */
  readonly #freeAtMs: number[]
  #nextFailure: EngineErrorCode | undefined
  #isClosed = false

  constructor(system: SimSystem, options: SimHasherOptions = {}) {
    this.#system = system
    this.threads = options.threads ?? 2
    this.#hashesWhileReceiving = options.hashWhileReceiving ?? false
    this.#jobMs = options.jobMs ?? 1
    this.#sha1 = options.sha1 ?? sha1
    this.#sha256 = options.sha256 ?? sha256
    this.#freeAtMs = Array.from({ length: this.threads }, () => 0)
  }

  /** The next job fails as if its thread had died. */
  failNext(code: EngineErrorCode = 'DISK_FAILED'): void {
    this.#nextFailure = code
  }

  wake(_threads: number): void {}

  allocate(byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    this.#allocated.add(bytes.buffer)
    return bytes
  }

  copyIn(memory: Uint8Array, at: number, bytes: Uint8Array): void {
    memory.set(bytes, at)
  }

  async verifyAndWrite(bytes: Uint8Array, expected: Uint8Array, targets: readonly FileSlice[]): Promise<boolean> {
    if (!this.#allocated.has(bytes.buffer)) throw new Error('Cannot happen: a piece that does not lie in memory allocated by this hasher')
    const before = checksum(bytes)
    await this.#turn()
    if (checksum(bytes) !== before) throw new Error('Cannot happen: a piece was changed while it was with the hasher')
    const digest = this.#sha1(bytes)
    if (digest.some((byte, index) => byte !== expected[index])) return false
    let at = 0
    for (const { file, offset, length } of targets) {
      if (file !== undefined) await simFile(file).write(bytes.subarray(at, at + length), offset)
      at += length
    }
    if (checksum(bytes) !== before) throw new Error('Cannot happen: a piece was changed while it was with the hasher')
    return true
  }

  hashesWhileReceiving(): boolean {
    return this.#hashesWhileReceiving
  }

  startPiece(): RunningHash {
    return new SimRunningHash(this.#sha1)
  }

  async hashSlices(slices: readonly FileSlice[]): Promise<Uint8Array | undefined> {
    await this.#turn()
    const bytes = new Uint8Array(slices.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const { file, offset, length } of slices) {
      if (file !== undefined) {
        const byteCount = await simFile(file).read([bytes.subarray(at, at + length)], offset)
        if (byteCount < length) return undefined
      }
      at += length
    }
    return this.#sha1(bytes)
  }

  async hashBlocks({ file, offset, length }: FileSlice): Promise<Uint8Array | undefined> {
    await this.#turn()
    const bytes = new Uint8Array(length)
    if (file !== undefined && (await simFile(file).read([bytes], offset)) < length) return undefined
    return blockHashes(bytes, this.#sha256)
  }

  sha1(bytes: Uint8Array): Uint8Array {
    return this.#sha1(bytes)
  }

  sha256(bytes: Uint8Array): Uint8Array {
    return this.#sha256(bytes)
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  /** Until a thread has had time for this job. */
  async #turn(): Promise<void> {
    if (this.#isClosed) throw new EngineError('CLOSED', 'Cannot hash any more: the hasher has been closed.')
    const failure = this.#nextFailure
    this.#nextFailure = undefined
    const now = this.#system.now()
    const thread = this.#freeAtMs.indexOf(Math.min(...this.#freeAtMs))
    const doneAt = Math.max(now, this.#freeAtMs[thread]!) + this.#jobMs
    this.#freeAtMs[thread] = doneAt
    await new Promise<void>((resolve) => {
      this.#system.schedule(doneAt - now, resolve)
    })
    const text = 'Cannot finish a piece: the hashing thread is gone (it was stopped). The piece will be asked for again.'
    if (this.#isClosed) throw new EngineError('DISK_FAILED', text)
    if (failure !== undefined) throw new EngineError(failure, text)
  }
}

function simFile(file: FileSlice['file']): SimDiskFile {
  if (!(file instanceof SimDiskFile)) throw new Error('Cannot happen: a file of another kind of disk')
  return file
}

function blockHashes(bytes: Uint8Array, sha256: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const hashes = new Uint8Array(Math.ceil(bytes.length / BLOCK_LENGTH) * 32)
  for (let block = 0; block * BLOCK_LENGTH < bytes.length; block++) {
    hashes.set(sha256(bytes.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH)), block * 32)
  }
  return hashes
}

/** Quick, and enough to notice a block that came late. */
function checksum(bytes: Uint8Array): number {
  let sum = bytes.length
  for (let index = 0; index < bytes.length; index++) sum = (Math.imul(sum, 31) + bytes[index]!) | 0
  return sum
}

class SimRunningHash implements RunningHash {
  readonly #sha1: (bytes: Uint8Array) => Uint8Array
  readonly #parts: Uint8Array[] = []

  constructor(sha1: (bytes: Uint8Array) => Uint8Array) {
    this.#sha1 = sha1
  }

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice())
  }

  digest(): Uint8Array {
    return this.#sha1(concatBytes(this.#parts))
  }
}
