import { createHash } from 'node:crypto'
import { Bitfield } from '@shoal/protocol/bitfield'
import { concatBytes } from '@shoal/protocol/bytes'
import { BLOCK_LENGTH, PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import type { EngineError } from '../src/base/errors.ts'
import type { SimDisk } from '../src/sim/disk.ts'
import { SimHasher } from '../src/sim/hasher.ts'
import { Random } from '../src/sim/random.ts'
import type { SimSystem } from '../src/sim/system.ts'
import { PieceAssembly } from '../src/storage/piece-assembly.ts'
import { PieceCommitter } from '../src/storage/piece-committer.ts'
import { recheck } from '../src/storage/recheck.ts'
import { bootFingerprint } from '../src/storage/resume-data.ts'
import { loadResume } from '../src/storage/resume-file.ts'
import { ResumeJournal } from '../src/storage/resume-journal.ts'
import { judgeResume, type ResumeTrust } from '../src/storage/resume-trust.ts'
import { SlabPool } from '../src/storage/slab-pool.ts'
import type { StoredFile, StoredTorrent } from '../src/storage/stored-torrent.ts'
import { TorrentStorage } from '../src/storage/torrent-storage.ts'

/** Downloads go here, and this is where the state lies. */
export const ROOT = '/downloads'
export const STATE = '/state'
export const RESUME_PATH: string = `${STATE}/t.resume`
export const INFO_HASH: Uint8Array = new Uint8Array(20).fill(0x5a)

export function sha1(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha1').update(bytes).digest())
}

export interface TestTorrent extends StoredTorrent {
  readonly content: Uint8Array
  readonly geometry: PieceGeometry
}

/** A torrent of files of these lengths; a negative length is padding. The content has no zero bytes, unless padding. */
export function makeTorrent(options: { pieceLength: number; lengths: readonly number[]; seed?: string }): TestTorrent {
  const random = new Random(options.seed ?? 'content')
  let offset = 0
  const files = options.lengths.map((length, index): StoredFile => {
    const size = Math.abs(length)
    offset += size
    return { path: ['t', `f${index}`], length: size, offset: offset - size, isPadding: length < 0, isExecutable: false }
  })
  const content = concatBytes(
    files.map(({ length, isPadding }) => (isPadding ? new Uint8Array(length) : random.bytes(length).map((byte) => byte || 1))),
  )
  const geometry = new PieceGeometry({ totalSize: content.length, pieceLength: options.pieceLength })
  const hashes = Array.from({ length: geometry.pieceCount }, (_, at) => sha1(pieceOf({ content, geometry }, at)))
  return {
    files,
    content,
    geometry,
    pieceLength: options.pieceLength,
    pieceCount: geometry.pieceCount,
    totalSize: content.length,
    pieceHashes: concatBytes(hashes),
  }
}

export function pieceOf({ content, geometry }: { content: Uint8Array; geometry: PieceGeometry }, pieceIndex: number): Uint8Array {
  const offset = geometry.pieceOffset(pieceIndex)
  return content.subarray(offset, offset + geometry.pieceSize(pieceIndex))
}

export function fileOf(torrent: TestTorrent, fileIndex: number): Uint8Array {
  const { offset, length } = torrent.files[fileIndex]!
  return torrent.content.subarray(offset, offset + length)
}

export function pathOf(torrent: TestTorrent, fileIndex: number): string {
  return `${ROOT}/${torrent.files[fileIndex]!.path.join('/')}`
}

export interface RunOptions {
  readonly system: SimSystem
  readonly disk: SimDisk
  readonly torrent: TestTorrent
  readonly wanted?: readonly boolean[]
  readonly preallocation?: 'sparse' | 'full'
  readonly maxOpenFiles?: number
  readonly memoryBytes?: number
  /** One core: pieces are hashed while they come in. */
  readonly hashWhileReceiving?: boolean
}

/** One run of one torrent's storage, from the start of the process on, in the order in which a torrent does it. */
export class StorageRun {
  readonly torrent: TestTorrent
  readonly storage: TorrentStorage
  readonly hasher: SimHasher
  readonly assembly: PieceAssembly
  readonly changedFiles: number[] = []
  readonly verified: number[] = []
  readonly bad: number[] = []
  readonly failures: EngineError[] = []
  have: Bitfield
  trust: ResumeTrust | undefined
  notes: readonly string[] = []
  /** Pieces that had to be hashed at the start. */
  recheckedCount = 0
  /** Told to others: must survive. */
  readonly announced = new Set<number>()
  readonly #options: RunOptions
  #journal: ResumeJournal | undefined
  #committer: PieceCommitter | undefined

  constructor(options: RunOptions) {
    const { system, disk, torrent } = options
    this.#options = options
    this.torrent = torrent
    this.have = Bitfield.empty(torrent.pieceCount)
    this.hasher = new SimHasher(system, { sha1, hashWhileReceiving: options.hashWhileReceiving ?? false })
    const slabs = new SlabPool(this.hasher)
    this.storage = new TorrentStorage({
      disk,
      hasher: this.hasher,
      slabs,
      system,
      torrent,
      root: ROOT,
      parts: { root: STATE, path: ['t.parts'] },
      preallocation: options.preallocation ?? 'sparse',
      wanted: options.wanted ?? torrent.files.map(() => true),
      onFileChanged: (fileIndex) => this.changedFiles.push(fileIndex),
      ...(options.maxOpenFiles !== undefined && { maxOpenFiles: options.maxOpenFiles }),
    })
    this.assembly = new PieceAssembly({
      slabs,
      disk,
      hasher: this.hasher,
      geometry: torrent.geometry,
      memoryBytes: options.memoryBytes ?? 1024 * 1024,
      spill: { root: STATE, path: ['t.spill'] },
    })
  }

  get journal(): ResumeJournal {
    return this.#journal!
  }

  get committer(): PieceCommitter {
    return this.#committer!
  }

  async start(): Promise<void> {
    const { system, disk, torrent } = this.#options
    const { state, notes } = await loadResume(disk, RESUME_PATH, INFO_HASH, torrent)
    const boot = bootFingerprint(system.bootId())
    const found = await this.storage.survey(state && [...state.stamps.values()])
    this.trust = judgeResume({ state, boot, torrent, found, homeOf: (fileIndex) => this.storage.homeOf(fileIndex) })
    this.notes = [...notes, ...this.trust.notes]
    this.have = this.trust.verified.clone()
    const { pieceLength } = torrent
    const checked = await recheck({ storage: this.storage, hasher: this.hasher, pieceLength, toCheck: this.trust.toCheck })
    this.recheckedCount = this.trust.toCheck.count
    checked.verified.forEachSet((pieceIndex) => {
      this.have.set(pieceIndex)
    })
    await this.storage.claim(this.have, this.trust.begun)
    // What an earlier run of this boot did not sync is in the page cache still; what was just hashed may be, too.
    const unsynced = checked.verified.clone()
    if (state?.boot === boot) state.unsynced.forEachSet((pieceIndex) => this.have.has(pieceIndex) && unsynced.set(pieceIndex))
    unsynced.forEachSet((pieceIndex) => this.storage.markUnsynced(pieceIndex))
    this.#journal = new ResumeJournal({
      disk,
      path: RESUME_PATH,
      system,
      content: {
        infoHash: INFO_HASH,
        pieceLength: torrent.pieceLength,
        totalSize: torrent.totalSize,
        verified: this.have,
        unsynced,
        stamps: this.storage.stamps(),
        selection: new Uint8Array(torrent.files.length).fill(1),
        uploaded: state?.uploaded ?? 0,
        downloaded: state?.downloaded ?? 0,
      },
    })
    if (this.recheckedCount > 0 || state?.isClean === false) await this.#journal.save()
    this.#committer = new PieceCommitter({
      assembly: this.assembly,
      storage: this.storage,
      journal: this.#journal,
      owner: {
        onPieceVerified: (pieceIndex) => {
          this.have.set(pieceIndex)
          this.announced.add(pieceIndex)
          this.verified.push(pieceIndex)
        },
        onPieceBad: (pieceIndex) => {
          this.bad.push(pieceIndex)
          this.assembly.release(pieceIndex)
        },
        onPieceFailed: (_pieceIndex, error) => this.failures.push(error),
      },
    })
  }

  /** All blocks of a piece arrive, and it is committed. @returns false when there was no room */
  deliver(pieceIndex: number, bytes: Uint8Array = pieceOf(this.torrent, pieceIndex)): boolean {
    for (let begin = 0; begin < bytes.length; begin += BLOCK_LENGTH) {
      const outcome = this.assembly.addBlock(pieceIndex, begin, bytes.subarray(begin, begin + BLOCK_LENGTH))
      if (outcome === 'no-room') return false
      if (outcome === 'complete') this.committer.commit(pieceIndex)
    }
    return true
  }

  /** Delivers pieces one after another and waits until each is settled. */
  async deliverAll(pieceIndices: Iterable<number>): Promise<void> {
    for (const pieceIndex of pieceIndices) {
      this.deliver(pieceIndex)
      await this.committer.settle()
    }
  }

  async syncPoint(): Promise<void> {
    await this.journal.syncPoint(this.storage)
  }

  /** A stop in order. */
  async stop(): Promise<void> {
    await this.committer.settle()
    await this.journal.close(this.storage)
    await this.storage.close()
    await this.assembly.close()
  }
}

/** What the disk holds of a piece that lies in its files, zeros where there is nothing. */
export function pieceOnDisk(disk: SimDisk, torrent: TestTorrent, pieceIndex: number): Uint8Array {
  const piece = new Uint8Array(torrent.geometry.pieceSize(pieceIndex))
  const begin = torrent.geometry.pieceOffset(pieceIndex)
  for (const [fileIndex, { offset, length, isPadding }] of torrent.files.entries()) {
    const from = Math.max(begin, offset)
    const to = Math.min(begin + piece.length, offset + length)
    if (isPadding || from >= to) continue
    const bytes = disk.fileBytes(pathOf(torrent, fileIndex))?.subarray(from - offset, to - offset)
    if (bytes !== undefined) piece.set(bytes, from - begin)
  }
  return piece
}
