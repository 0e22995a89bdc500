import type { Program } from '../interop/program.ts'

/** A program that makes torrents, under measurement: one file each in `creators/`. */
export interface Creator {
  readonly name: string
  /** Why it cannot run here and how to get it; undefined when it can. */
  whyMissing(): string | undefined
  /** On all cores where it can; ends by itself when the torrent is written. */
  start(job: CreateJob): Program
}

export interface CreateJob {
  /** The file to hash. */
  readonly content: string
  /** The .torrent file to write. */
  readonly target: string
  readonly pieceLength: number
  /** Where to write CPU profiles; only our own program can. */
  readonly profileDir: string | undefined
}

/** Some creators insist on a tracker. Nobody asks it. */
export const NO_TRACKER = 'http://127.0.0.1:1/announce'
