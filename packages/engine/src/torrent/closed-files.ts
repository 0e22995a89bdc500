import type { Info } from '@shoal/protocol/metainfo/info'
import { EngineError } from '../base/errors.ts'
import type { AbortSignalLike } from '../ports/network.ts'
import { type ContentOptions, type PieceOutcomes, TorrentContent } from './torrent-content.ts'
import { discardTorrent, type MoveOptions, moveTorrent } from './torrent-move.ts'

/** What work on closed files asks of their torrent. */
export interface ClosedFilesOwner {
  readonly info: Info | undefined
  readonly dir: string
  contentOptions(info: Info, outcomes: PieceOutcomes): ContentOptions
  onMoveProgress(movedBytes: number, totalBytes: number): void
  /** The files are here from now on. */
  onMoved(dir: string): void
  /** Something of the old place could not be removed. */
  onLeftBehind(error: EngineError): void
}

/** No piece comes while nobody is asked for any. */
const NOBODY: PieceOutcomes = { onVerified: () => undefined, onBad: () => undefined, onWriteFailed: () => undefined }

/** What is done with the files of a torrent while it is not at work: it is moved, checked, or given away. */
export class ClosedFiles {
  readonly #owner: ClosedFilesOwner
  /** As of the last time that they were closed. */
  #own: readonly number[] | undefined

  constructor(owner: ClosedFilesOwner) {
    this.#owner = owner
  }

  /** They are about to be closed. */
  onClosing(content: TorrentContent): void {
    this.#own = content.ownFiles()
  }

  /** Everything is in the new place when `onSwitched` is called; if that fails, nothing has moved. */
  async move(dir: string, signal: AbortSignalLike, onSwitched: (() => Promise<void> | void) | undefined): Promise<void> {
    const before = this.#owner.dir
    const options = await this.#moveOptions(dir, signal)
    const moved = options && (await moveTorrent(options))
    this.#owner.onMoved(dir)
    try {
      await onSwitched?.()
    } catch (error) {
      this.#owner.onMoved(before)
      await moved?.undo()
      throw error
    }
    for (const error of (await moved?.finish()) ?? []) this.#owner.onLeftBehind(error)
  }

  async discard(recycleDir: string, signal: AbortSignalLike): Promise<void> {
    const options = await this.#moveOptions(recycleDir, signal).catch((error: unknown) => {
      // What is there belongs to somebody else: that stays.
      if (error instanceof EngineError && error.code === 'FILE_FOREIGN') return undefined
      throw error
    })
    if (options === undefined) return
    this.#own = undefined
    for (const error of await discardTorrent(options)) this.#owner.onLeftBehind(error)
  }

  /** Opens and closes them: hashes all (`checksAll`), or what cannot be believed. @returns which are the torrent's own */
  async look({ checksAll, signal }: { readonly checksAll: boolean; readonly signal: AbortSignalLike }): Promise<readonly number[]> {
    try {
      const content = await TorrentContent.open({ ...this.#owner.contentOptions(this.#owner.info!, NOBODY), checksAll, signal })
      this.#own = content.ownFiles()
      await content.close(0, 0)
      return this.#own
    } catch (error) {
      if (error instanceof EngineError && error.code === 'FILE_MISSING') return []
      throw error
    }
  }

  /** Undefined when there are no files yet. */
  async #moveOptions(toDir: string, signal: AbortSignalLike): Promise<MoveOptions | undefined> {
    const { info } = this.#owner
    if (info === undefined) return undefined
    this.#own ??= await this.look({ checksAll: false, signal })
    const { disk, hasher, infoHash, stateDir, pathsOnDisk, dir } = this.#owner.contentOptions(info, NOBODY)
    const onProgress = (movedBytes: number, totalBytes: number): void => this.#owner.onMoveProgress(movedBytes, totalBytes)
    return { disk, hasher, info, infoHash, stateDir, pathsOnDisk, dir, toDir, ownFiles: this.#own, signal, onProgress }
  }
}
