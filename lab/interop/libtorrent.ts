import { join } from 'node:path'
import type { Host } from './host.ts'
import type { Program } from './program.ts'
import { PYTHON } from './requirement.ts'
import type { Scene } from './scene.ts'

const PEER = join(import.meta.dirname, 'libtorrent-peer.py')
const CREATE = join(import.meta.dirname, 'libtorrent-create.py')

export interface LibtorrentOptions {
  readonly host: Host
  /** A .torrent file or a magnet link. */
  readonly what: string
  readonly dir: string
  /** "on" is its own default: it may encrypt. */
  readonly encryption?: 'on' | 'off'
  /** Bytes a second; no limit unless given. */
  readonly uploadRate?: number
}

/** A libtorrent that shares what it has and gets what it lacks; `DONE` is its line when it has everything. */
export function startLibtorrent(scene: Scene, { host, ...told }: LibtorrentOptions): Program {
  return scene.start(host, 'libtorrent', [PYTHON, PEER, JSON.stringify({ ...told, address: host.address })])
}

/** `padded` is v1 with padding files (BEP 47), `hybrid` is v1 and v2 in one (BEP 52). */
export async function createWithLibtorrent(
  scene: Scene,
  options: { readonly host: Host; readonly content: string; readonly form: 'padded' | 'hybrid'; readonly tracker: string },
): Promise<string> {
  const file = join(scene.folder, 'theirs.torrent')
  const { host, content, form, tracker } = options
  await scene.start(host, 'libtorrent create', [PYTHON, CREATE, content, file, form, tracker]).success()
  return file
}
