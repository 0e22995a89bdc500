import { toHex } from '@shoal/protocol/bytes'
import type { Info } from '@shoal/protocol/metainfo/info'
import type { EngineError } from '../base/errors.ts'
import type { Disk } from '../ports/disk.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { AbortSignalLike } from '../ports/network.ts'
import type { StampRecord } from '../storage/file-state.ts'
import { Relocation, type Transfer } from '../storage/relocation.ts'
import { moveResume } from '../storage/resume-file.ts'
import { stateOf, storedTorrent, type TorrentStatePlaces } from './torrent-content.ts'

/** A torrent that is closed, and what of the files in its folder is its own. */
export interface MoveOptions {
  readonly disk: Disk
  readonly hasher: Hasher
  readonly info: Info
  readonly infoHash: Uint8Array
  readonly stateDir: string | undefined
  readonly pathsOnDisk: readonly (readonly string[])[] | undefined
  readonly dir: string
  readonly toDir: string
  readonly ownFiles: readonly number[]
  readonly signal: AbortSignalLike
  readonly onProgress: (movedBytes: number, totalBytes: number) => void
}

/** Files that are in both places. One of the two has to be called. */
export interface Moved {
  /** Removes the old ones. @returns what could not be removed */
  finish(): Promise<readonly EngineError[]>
  /** Removes the new ones. */
  undo(): Promise<void>
}

/**
 * Brings the files of a torrent, and what is remembered of it, to another folder: everything is in both when it resolves.
 * @throws {EngineError} as `Relocation.bring`; nothing is there then that was not before
 */
export async function moveTorrent(options: MoveOptions): Promise<Moved> {
  const { disk, info, infoHash, toDir } = options
  const before = stateOf(options)
  const after = stateOf({ ...options, dir: toDir })
  const relocation = new Relocation({
    ...options,
    token: toHex(infoHash.subarray(0, 4)),
    transfers: await transfersOf(options, before, after),
  })
  await relocation.bring()
  try {
    if (before.resumePath !== undefined && after.resumePath !== undefined) {
      const stamps = await stampsOf(options, after)
      await moveResume({ disk, from: before.resumePath, to: after.resumePath, infoHash, torrent: info, stamps })
    }
  } catch (error) {
    await relocation.undo()
    throw error
  }
  return {
    finish: async () => {
      const errors = [...(await relocation.removeSources())]
      // It tells of files that are gone: the next one who looks at it finds that out.
      if (before.resumePath !== undefined) await disk.removeState(before.resumePath).catch(() => undefined)
      return errors
    },
    undo: async () => {
      await relocation.undo()
      if (after.resumePath !== undefined) await disk.removeState(after.resumePath)
    },
  }
}

/**
 * Takes the files of a torrent out of its folder into one for what may be taken back, and forgets what was remembered of them.
 * @throws {EngineError} as `Relocation.bring`; everything is where it was then
 */
export async function discardTorrent(options: MoveOptions): Promise<readonly EngineError[]> {
  const { disk } = options
  const { resumePath, parts } = stateOf(options)
  const relocation = new Relocation({ ...options, token: toHex(options.infoHash.subarray(0, 4)), transfers: await filesOf(options) })
  await relocation.bring()
  const errors = await relocation.removeSources()
  if (resumePath !== undefined) await disk.removeState(resumePath)
  await disk.removeFile(parts.root, parts.path)
  return errors
}

/** Those that somebody has removed meanwhile are left out. */
async function filesOf({ disk, info, pathsOnDisk, dir, toDir, ownFiles }: MoveOptions): Promise<Transfer[]> {
  const { files } = storedTorrent(info, pathsOnDisk)
  const transfers: Transfer[] = []
  for (const fileIndex of ownFiles) {
    const { path, isExecutable } = files[fileIndex]!
    if ((await disk.stat(dir, path)) === undefined) continue
    transfers.push({ from: { root: dir, path }, to: { root: toDir, path }, isExecutable })
  }
  return transfers
}

async function transfersOf(options: MoveOptions, before: TorrentStatePlaces, after: TorrentStatePlaces): Promise<Transfer[]> {
  const hasParts = (await options.disk.stat(before.parts.root, before.parts.path)) !== undefined
  const transfers = await filesOf(options)
  if (hasParts) transfers.push({ from: before.parts, to: after.parts, isExecutable: false })
  return transfers
}

/** How the files look in their new place. */
async function stampsOf({ disk, info, pathsOnDisk, toDir, ownFiles }: MoveOptions, { parts }: TorrentStatePlaces): Promise<StampRecord[]> {
  const { files } = storedTorrent(info, pathsOnDisk)
  const stamps: StampRecord[] = []
  for (const fileIndex of ownFiles) {
    const stamp = await disk.stat(toDir, files[fileIndex]!.path)
    if (stamp !== undefined) stamps.push({ ...stamp, fileIndex, isSuspect: false })
  }
  const stamp = await disk.stat(parts.root, parts.path)
  if (stamp !== undefined) stamps.push({ ...stamp, fileIndex: files.length, isSuspect: false })
  return stamps
}
