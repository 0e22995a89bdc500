import { Bitfield } from '@shoal/protocol/bitfield'
import { encodeUtf8, toHex } from '@shoal/protocol/bytes'
import { FileLayout } from '@shoal/protocol/metainfo/file-layout'
import type { Info } from '@shoal/protocol/metainfo/info'
import { BLOCK_LENGTH, PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { EngineError } from '../base/errors.ts'
import type { Disk } from '../ports/disk.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { AbortSignalLike } from '../ports/network.ts'
import type { System } from '../ports/system.ts'
import { PieceAssembly } from '../storage/piece-assembly.ts'
import { PieceCommitter } from '../storage/piece-committer.ts'
import { recheck } from '../storage/recheck.ts'
import { bootFingerprint, type ResumeState } from '../storage/resume-data.ts'
import { loadResume } from '../storage/resume-file.ts'
import { ResumeJournal } from '../storage/resume-journal.ts'
import { judgeResume } from '../storage/resume-trust.ts'
import type { SlabPool } from '../storage/slab-pool.ts'
import type { PlaceOnDisk } from '../storage/stored-files.ts'
import type { StoredTorrent } from '../storage/stored-torrent.ts'
import { TorrentStorage } from '../storage/torrent-storage.ts'
import { Availability } from '../swarm/availability.ts'
import { PiecePicker } from '../swarm/piece-picker.ts'
import type { SwarmContent } from '../swarm/swarm-content.ts'
import type { FileSelection } from './file-selection.ts'
import { Playheads } from './playheads.ts'

export interface ContentOptions {
  readonly system: System
  readonly disk: Disk
  readonly hasher: Hasher
  readonly info: Info
  readonly infoHash: Uint8Array
  /** The download folder. */
  readonly dir: string
  /** Where resume data lives; undefined keeps nothing between runs. */
  readonly stateDir: string | undefined
  readonly selection: FileSelection
  /** Where the files really are, if not where the torrent says. */
  readonly pathsOnDisk: readonly (readonly string[])[] | undefined
  readonly preallocation: 'sparse' | 'full'
  readonly slabs: SlabPool
  readonly pieceMemoryBytes: number
  readonly sequential: boolean
  /** Believes that everything is there, until a read disagrees. */
  readonly skipCheck: boolean
  /** Hashes all that is there, whatever is remembered. */
  readonly checksAll: boolean
  /** Nothing that is missing is fetched. */
  readonly uploadOnly: boolean
  /** Only a magnet link led here: the next run needs the info dictionary from the resume data. */
  readonly keepsInfo: boolean
  readonly signal: AbortSignalLike
  readonly onProgress: (checkedPieces: number, piecesToCheck: number) => void
  readonly onNote: (note: string) => void
  readonly outcomes: PieceOutcomes
}

/** Whose requests and whose interest follow the selection. */
export interface SelectionOwner {
  /** A block need not be sent any more. */
  cancel(peerKey: number, pieceIndex: number, begin: number, length: number): void
  /** Every piece has its new priority. */
  onSelectionChanged(): void
}

/** What becomes of whole pieces; `bytes` is the piece, while the call lasts, if it is in memory. */
export interface PieceOutcomes {
  onVerified(pieceIndex: number, bytes: Uint8Array | undefined): void
  onBad(pieceIndex: number, bytes: Uint8Array | undefined): void
  onWriteFailed(error: EngineError): void
}

/**
 * The data of a torrent while it runs: what is on disk, what of it is believed, where the next piece goes, and what is
 * written down about it. Opened in one order that nothing else may change:
 *
 *     look at the files ─► resume data: what may be believed? ─► hash the rest ─► may we write there? ─► journal
 */
export class TorrentContent {
  readonly swarm: SwarmContent
  /** Of those who read files while they come. */
  readonly playheads: Playheads
  /** Pieces of files that somebody else touched, had and not proven yet: to be proven soon. */
  readonly touched: Bitfield
  readonly #journal: ResumeJournal | undefined
  /** Against a second program on the same data. */
  readonly #lock: { release(): Promise<void> } | undefined
  /** Totals of the runs before this one. */
  readonly earlierUploaded: number
  readonly earlierDownloaded: number

  private constructor(
    swarm: SwarmContent,
    touched: Bitfield,
    journal: ResumeJournal | undefined,
    remembered: ResumeState | undefined,
    lock: { release(): Promise<void> } | undefined,
  ) {
    this.swarm = swarm
    this.playheads = new Playheads({
      pieceLength: swarm.geometry.pieceLength,
      onChange: (urgent) => swarm.picker.setUrgent(urgent),
    })
    this.touched = touched
    this.#lock = lock
    this.#journal = journal
    this.earlierUploaded = remembered?.uploaded ?? 0
    this.earlierDownloaded = remembered?.downloaded ?? 0
  }

  /**
   * @throws {EngineError} `FILE_FOREIGN`, `DISK_FULL`, `PATH_UNSAFE`, `NOT_READABLE`, `FILE_MISSING` (nothing to
   * upload), `STATE_LOCKED`, `CLOSED` (aborted)
   */
  static async open(options: ContentOptions): Promise<TorrentContent> {
    const { system, disk, hasher, info, stateDir, selection } = options
    // It is up when the first piece is whole: the peers have to be found meanwhile.
    if (!options.uploadOnly && !hasher.hashesWhileReceiving(info.totalSize)) hasher.wake(1)
    const geometry = new PieceGeometry(info)
    const unproven = Bitfield.empty(geometry.pieceCount)
    const touched = Bitfield.empty(geometry.pieceCount)
    let journal: ResumeJournal | undefined
    const name = stateName(options)
    const lock = stateDir === undefined ? undefined : await disk.lockState(disk.joinPath(stateDir, `${name}.lock`))
    const { parts } = stateOf(options)
    const layout = new FileLayout(info.files)
    const storage: TorrentStorage = new TorrentStorage({
      disk,
      hasher,
      slabs: options.slabs,
      system,
      torrent: storedTorrent(info, options.pathsOnDisk),
      root: options.dir,
      parts,
      preallocation: options.preallocation,
      wanted: info.files.map((_, fileIndex) => selection.isWanted(fileIndex)),
      onFileChanged: (fileIndex) => {
        const { begin, end } = layout.piecesOfFile(fileIndex, info.pieceLength)
        for (let pieceIndex = begin; pieceIndex < end; pieceIndex++) {
          if (!picker.have.has(pieceIndex)) continue
          unproven.set(pieceIndex)
          touched.set(pieceIndex)
          // Until it is proven again. Should this fail, the file still looks otherwise than what is written down.
          journal?.onPieceLost(pieceIndex).catch(() => undefined)
        }
      },
    })
    const availability = new Availability(geometry.pieceCount)
    const assembly = new PieceAssembly({
      slabs: options.slabs,
      disk,
      hasher,
      geometry,
      memoryBytes: options.pieceMemoryBytes,
      spill: { root: parts.root, path: [`${parts.path[0]}.spill`] },
    })
    const picker: PiecePicker = new PiecePicker({
      geometry,
      availability,
      randomBelow: (limit) => system.randomBelow(limit),
      maxOpenPieces: assembly.capacity,
      // With 16, three slow seeders cost half a megabyte sent twice at the end of every file. In 60 simulated swarms 4 sent
      // 5.7 % twice, 2 sent 5.2 % and 1 sent 4.4 %, in the same time; 2 leaves something for a long line.
      endgameDepth: 2,
    })
    picker.sequential = options.sequential
    for (const [pieceIndex, priority] of selection.piecePriorities().entries()) picker.setPriority(pieceIndex, priority)

    try {
      const { verified, unsynced, remembered, begun } = await TorrentContent.#findVerified(options, storage, unproven)
      if (options.uploadOnly) requireSomething(verified, options)
      if (!options.uploadOnly) await storage.claim(verified, begun)
      for (const note of storage.notes) options.onNote(note)
      verified.forEachSet((pieceIndex) => picker.markHave(pieceIndex))
      if (options.uploadOnly) {
        for (let pieceIndex = 0; pieceIndex < geometry.pieceCount; pieceIndex++) {
          if (!verified.has(pieceIndex)) picker.setPriority(pieceIndex, 0)
        }
      }
      journal = await TorrentContent.#openJournal(options, storage, { verified, unproven, unsynced, remembered })
      const { outcomes } = options
      const committer = new PieceCommitter({
        assembly,
        storage,
        journal,
        owner: {
          onPieceVerified: (pieceIndex) => outcomes.onVerified(pieceIndex, assembly.bytesOf(pieceIndex)),
          onPieceBad: (pieceIndex) => {
            outcomes.onBad(pieceIndex, assembly.bytesOf(pieceIndex))
            assembly.release(pieceIndex)
          },
          onPieceFailed: (_pieceIndex, error) => outcomes.onWriteFailed(error),
        },
      })
      const swarm: SwarmContent = { info, geometry, have: picker.have, unproven, availability, picker, assembly, committer, storage }
      return new TorrentContent(swarm, touched, journal, remembered, lock)
    } catch (error) {
      await storage.close()
      await lock?.release()
      throw error
    }
  }

  /** What the disk holds and may be told to others; `unproven` gets what is only believed. */
  static async #findVerified(
    options: ContentOptions,
    storage: TorrentStorage,
    unproven: Bitfield,
  ): Promise<Omit<FoundPieces, 'unproven'> & { begun: ReadonlySet<number> }> {
    const { disk, stateDir, infoHash, system, hasher } = options
    const loaded = stateDir === undefined ? undefined : await loadResume(disk, stateOf(options).resumePath!, infoHash, options.info)
    for (const note of loaded?.notes ?? []) options.onNote(note)
    const remembered = loaded?.state
    const found = await storage.survey(remembered && [...remembered.stamps.values()])
    const trust = judgeResume({
      state: remembered,
      boot: bootFingerprint(system.bootId()),
      torrent: options.info,
      found,
      homeOf: (fileIndex) => storage.homeOf(fileIndex),
    })
    // What is believed all the same need not be doubted aloud.
    const isBelieved = options.skipCheck && !options.checksAll
    for (const note of isBelieved ? [] : trust.notes) options.onNote(note)
    const { begun } = trust
    const verified = options.checksAll ? Bitfield.empty(options.info.pieceCount) : trust.verified
    // What hashes right may still be in memory only, whoever wrote it: the next sync covers it.
    const unsynced = remembered?.unsynced.clone() ?? Bitfield.empty(verified.size)
    if (isBelieved) {
      for (let pieceIndex = 0; pieceIndex < verified.size; pieceIndex++) {
        if (verified.has(pieceIndex) || !storage.isPieceThere(pieceIndex)) continue
        verified.set(pieceIndex)
        unproven.set(pieceIndex)
        storage.doubt(pieceIndex)
      }
      unsynced.forEachSet((pieceIndex) => storage.markUnsynced(pieceIndex))
      return { verified, unsynced, remembered, begun }
    }
    const { isComplete } = await recheck({
      storage,
      hasher,
      toCheck: options.checksAll ? Bitfield.full(options.info.pieceCount) : trust.toCheck,
      pieceLength: options.info.pieceLength,
      onProgress: options.onProgress,
      onPiece: (pieceIndex, isGood) => {
        if (!isGood) return
        verified.set(pieceIndex)
        unsynced.set(pieceIndex)
      },
      signal: options.signal,
    })
    if (!isComplete) throw new EngineError('CLOSED', 'Stopped while the files were being checked')
    unsynced.forEachSet((pieceIndex) => storage.markUnsynced(pieceIndex))
    return { verified, unsynced, remembered, begun }
  }

  static async #openJournal(
    options: ContentOptions,
    storage: TorrentStorage,
    { verified, unproven, unsynced, remembered }: FoundPieces,
  ): Promise<ResumeJournal | undefined> {
    const { disk, stateDir, infoHash, system, info } = options
    if (stateDir === undefined) return undefined
    const proven = verified.clone()
    unproven.forEachSet((pieceIndex) => proven.clear(pieceIndex))
    const journal = new ResumeJournal({
      disk,
      path: stateOf(options).resumePath!,
      system,
      content: {
        infoHash,
        pieceLength: info.pieceLength,
        totalSize: info.totalSize,
        verified: proven,
        unsynced,
        stamps: storage.stamps(),
        selection: Uint8Array.from(options.selection.priorities),
        uploaded: remembered?.uploaded ?? 0,
        downloaded: remembered?.downloaded ?? 0,
        infoRaw: options.keepsInfo ? info.raw : undefined,
      },
    })
    // What a long check found out, or which magnet this was, should not be lost to a crash a second later.
    if (options.keepsInfo || (remembered === undefined && !proven.isEmpty)) await journal.save()
    return journal
  }

  /**
   * Makes everything so far survive a power cut and writes down the totals of all runs. For a timer of some seconds.
   * @returns pieces that are not sure to be on the disk and must be proven again
   */
  async syncPoint(uploaded: number, downloaded: number): Promise<readonly number[]> {
    if (this.#journal === undefined) return []
    await this.#journal.setTotals(this.earlierUploaded + uploaded, this.earlierDownloaded + downloaded)
    const { lostPieces } = await this.#journal.syncPoint(this.swarm.storage)
    for (const pieceIndex of lostPieces) {
      if (!this.swarm.have.has(pieceIndex)) continue
      this.swarm.unproven.set(pieceIndex)
      this.touched.set(pieceIndex)
      this.swarm.storage.doubt(pieceIndex)
    }
    return lostPieces
  }

  /**
   * Other files are wanted, or more urgently.
   * @throws {EngineError} `FILE_FOREIGN`, `DISK_FULL`: a file that is wanted now cannot be made
   */
  async select(selection: FileSelection, owner: SelectionOwner): Promise<void> {
    const { storage, picker, assembly, info, geometry } = this.swarm
    await storage.setWanted(info.files.map((_, fileIndex) => selection.isWanted(fileIndex)))
    for (const [pieceIndex, priority] of selection.piecePriorities().entries()) {
      const isGivenUp = picker.setPriority(pieceIndex, priority, (peerKey, begin) =>
        owner.cancel(peerKey, pieceIndex, begin, geometry.blockLength(pieceIndex, begin / BLOCK_LENGTH)),
      )
      if (isGivenUp) assembly.release(pieceIndex)
    }
    owner.onSelectionChanged()
    await this.#journal?.save({ selection: Uint8Array.from(selection.priorities), stamps: storage.stamps() })
  }

  /** Which files are the torrent's own, beyond doubt: we made them, or know all of them to be right. */
  ownFiles(): readonly number[] {
    return this.swarm.storage.ownFiles((pieceIndex) => this.swarm.have.has(pieceIndex))
  }

  onPieceProven(pieceIndex: number): void {
    const { storage, unproven } = this.swarm
    if (unproven.isEmpty) storage.endDoubts()
    storage.markUnsynced(pieceIndex)
    // As above.
    this.#journal?.onPieceVerified(pieceIndex, storage.stampsOfPiece(pieceIndex)).catch(() => undefined)
  }

  onPieceLost(pieceIndex: number): void {
    if (this.swarm.unproven.isEmpty) this.swarm.storage.endDoubts()
    // Should this fail, the next run finds out when it looks at the files.
    this.#journal?.onPieceLost(pieceIndex).catch(() => undefined)
  }

  /** Waits for what is being written, syncs, writes the last word, closes the files. */
  async close(uploaded: number, downloaded: number): Promise<void> {
    const { committer, assembly, storage } = this.swarm
    await committer.settle()
    await assembly.close()
    try {
      if (this.#journal !== undefined) {
        await this.#journal.setTotals(this.earlierUploaded + uploaded, this.earlierDownloaded + downloaded)
        await this.#journal.close(storage)
      }
    } finally {
      await storage.close()
      await this.#lock?.release()
    }
  }
}

/** The torrent with its files where they really are. */
export function storedTorrent(info: Info, pathsOnDisk: ContentOptions['pathsOnDisk']): StoredTorrent {
  if (pathsOnDisk === undefined) return info
  if (pathsOnDisk.length !== info.files.length) {
    throw new EngineError('OPTION_INVALID', `Cannot take ${pathsOnDisk.length} paths for the ${info.files.length} files of '${info.name}'`)
  }
  return { ...info, files: info.files.map((file, fileIndex) => ({ ...file, path: pathsOnDisk[fileIndex]! })) }
}

/** Where what is remembered of a torrent is, beside its files. */
export interface TorrentStatePlaces {
  readonly resumePath: string | undefined
  /** Bytes of unwanted files that came with a wanted piece. */
  readonly parts: PlaceOnDisk
}

export function stateOf(options: Pick<ContentOptions, 'infoHash' | 'dir' | 'hasher' | 'disk' | 'stateDir'>): TorrentStatePlaces {
  const { disk, dir, stateDir } = options
  const name = stateName(options)
  if (stateDir === undefined) return { resumePath: undefined, parts: { root: dir, path: [`.${name}.parts`] } }
  return { resumePath: disk.joinPath(stateDir, `${name}.resume`), parts: { root: stateDir, path: [`${name}.parts`] } }
}

/** What was found of a torrent when it was opened. */
interface FoundPieces {
  readonly verified: Bitfield
  /** The part of `verified` that is only believed. */
  readonly unproven: Bitfield
  /** The part of `verified` that a power cut may take. */
  readonly unsynced: Bitfield
  readonly remembered: ResumeState | undefined
}

/**
 * Under which name a torrent is remembered: the same torrent in two folders is two stories (one may seed what the other
 * fetches, on one machine).
 */
function stateName({ infoHash, dir, hasher }: Pick<ContentOptions, 'infoHash' | 'dir' | 'hasher'>): string {
  return `${toHex(infoHash)}-${toHex(hasher.sha1(encodeUtf8(dir)).subarray(0, 4))}`
}

function requireSomething(verified: Bitfield, options: ContentOptions): void {
  if (!verified.isEmpty || verified.size === 0) return
  throw new EngineError(
    'FILE_MISSING',
    `Nothing of '${options.info.name}' is in ${options.dir}: there is nothing to upload. Is this the folder that holds '${options.info.name}'?`,
  )
}
