import { mkdir } from 'node:fs/promises'
import type { SessionOptions } from './base/options.ts'
import { descriptorLimit, mostSockets } from './node/descriptor-limit.ts'
import { NodeDisk } from './node/disk.ts'
import { NodeHasher } from './node/hasher.ts'
import { NodeNetwork } from './node/network.ts'
import { NodeSystem } from './node/system.ts'
import { Session } from './session/session.ts'

/**
 * The engine for programs: a session holds torrents, a torrent tells what happens to it.
 *
 * ```ts
 * const session = await createSession({ stateDir: '/home/an/.local/state/my-app' })
 * const torrent = session.add({ metainfo: await readFile('lecture.torrent'), dir: '/home/an/Downloads' })
 * await torrent.whenDone()
 * await session.close()
 * ```
 */
export async function createSession(options: CreateSessionOptions = {}): Promise<Session> {
  const { hashThreads, ...sessionOptions } = options
  if (options.stateDir !== undefined) await mkdir(options.stateDir, { recursive: true })
  const hasher = new NodeHasher(hashThreads === undefined ? {} : { threads: hashThreads })
  try {
    // A socket takes a descriptor as a file does: with none left nothing could be read or written either.
    const ports = {
      system: new NodeSystem(),
      network: new NodeNetwork(),
      disk: new NodeDisk(),
      hasher,
      mostSockets: mostSockets(descriptorLimit()),
    }
    return await Session.open(ports, sessionOptions)
  } catch (error) {
    await hasher.close()
    throw error
  }
}

export interface CreateSessionOptions extends Partial<SessionOptions> {
  /** Threads that hash and write pieces; as many as cores, at most four, unless given. */
  readonly hashThreads?: number
}

export type { Bitfield } from '@shoal/protocol/bitfield'
export { ProtocolError, type ProtocolErrorCode } from '@shoal/protocol/errors'
export type { FileEntry } from '@shoal/protocol/metainfo/file-list'
export type { Info } from '@shoal/protocol/metainfo/info'
export { EngineError, type EngineErrorCode } from './base/errors.ts'
export {
  type ConnectionOptions,
  DEFAULT_CONNECTION_OPTIONS,
  DEFAULT_SESSION_OPTIONS,
  DEFAULT_SWARM_OPTIONS,
  type SessionOptions,
  type SwarmOptions,
} from './base/options.ts'
export type { TrackerStatus } from './discovery/tracker-tier.ts'
export type { Endpoint } from './ports/network.ts'
export { Session, type SessionEvents, type SessionPorts } from './session/session.ts'
export { parseFileList } from './torrent/file-selection.ts'
export type { StreamRange } from './torrent/file-stream.ts'
export type { Torrent } from './torrent/torrent.ts'
export type { PeerSnapshot, TorrentEvents, TorrentSnapshot, TorrentSummary } from './torrent/torrent-events.ts'
export type { AddTorrent } from './torrent/torrent-source.ts'
export type { TorrentState } from './torrent/torrent-state.ts'
