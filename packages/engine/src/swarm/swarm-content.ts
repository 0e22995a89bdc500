import type { Bitfield } from '@shoal/protocol/bitfield'
import type { Info } from '@shoal/protocol/metainfo/info'
import type { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import type { PieceAssembly } from '../storage/piece-assembly.ts'
import type { PieceCommitter } from '../storage/piece-committer.ts'
import type { TorrentStorage } from '../storage/torrent-storage.ts'
import type { Availability } from './availability.ts'
import type { PiecePicker } from './piece-picker.ts'

/** A torrent whose shape is known and whose data on disk has been looked at: what a swarm needs to exchange pieces. */
export interface SwarmContent {
  readonly info: Info
  readonly geometry: PieceGeometry
  /** Verified, on disk: what we tell others that we have. The picker's own, live, only to be read. */
  readonly have: Bitfield
  /** Had, but believed rather than hashed (skip-check, a file that changed under us): hashed before it is served (R1). */
  readonly unproven: Bitfield
  readonly availability: Availability
  readonly picker: PiecePicker
  readonly assembly: PieceAssembly
  readonly committer: PieceCommitter
  readonly storage: TorrentStorage
}
