import type { Program } from '../interop/program.ts'
import type { BenchTorrent } from './bench-torrent.ts'

/** A BitTorrent program under measurement: one file each in `clients/`. */
export interface Client {
  readonly name: string
  /** Through the torrent's tracker, or by the ports in its job because it has no way to be told of a tracker's peers in time. */
  readonly meets: 'tracker' | 'ports'
  /** Why it cannot run here and how to get it; undefined when it can. */
  whyMissing(): string | undefined
  /** As a person would start it, without limits, discovery and encryption, over TCP, on loopback. */
  start(job: Job): StartedClient
}

export interface Job {
  readonly torrent: BenchTorrent
  /** Holds the data, or will. */
  readonly dir: string
  /** An empty folder for whatever else it wants to keep. */
  readonly home: string
  /** Listens here. */
  readonly port: number
  /** Where on loopback the others listen, for those that do not ask the tracker. */
  readonly peerPorts: readonly number[]
  /**
   * `share` what is there, all of it, after it has been hashed; `get` it into an empty folder; `complete` what is there
   * in parts, after they have been hashed, and share it meanwhile and afterwards.
   */
  readonly role: 'share' | 'get' | 'complete'
  /** Where to write CPU profiles; only our own programs can. */
  readonly profileDir: string | undefined
}

export interface StartedClient {
  readonly program: Program
  /** Resolves when it has checked what is there and listens. */
  ready(): Promise<unknown>
  /** Resolves when it says that everything is there and verified. */
  done(): Promise<unknown>
}

/** Far more than any case needs; a client that stalls is told apart from one that is slow. */
export const STALLED_AFTER_MS = 60_000
