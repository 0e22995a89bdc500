import { join } from 'node:path'
import { Program } from '../../interop/program.ts'
import { needs, PYTHON } from '../../interop/requirement.ts'
import { type Client, STALLED_AFTER_MS } from '../client.ts'

const PEER = join(import.meta.dirname, 'libtorrent-peer.py')

/** libtorrent 2 as Debian packs it for Python; what it is told is in its program, and why. */
export const libtorrent: Client = {
  name: 'libtorrent',
  meets: 'ports',
  whyMissing: () => needs('libtorrent') || undefined,
  start({ torrent, dir, port, peerPorts, role }) {
    const program = new Program(`libtorrent ${role}`, [], [PYTHON, PEER, torrent.file, dir, role, String(port), ...peerPorts.map(String)])
    return {
      program,
      ready: () => program.line(/^READY$/),
      done: () => program.line(/^DONE$/, { withinMs: STALLED_AFTER_MS }),
    }
  },
}
