import type { BenchTorrents } from './bench-torrent.ts'
import type { Payload } from './payload.ts'
import type { Tracker } from './tracker.ts'

/** What all swarms of a run have in common. */
export interface Stage {
  /** Everything that a swarm writes is below it. */
  readonly folder: string
  readonly tracker: Tracker
  readonly payload: Payload
  readonly pieceLength: number
  readonly torrents: BenchTorrents
  /** Where our programs write CPU profiles: a folder for each process of the last round. */
  readonly profileDir: string | undefined
}
