import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Program } from '../../interop/program.ts'
import { type Client, STALLED_AFTER_MS } from '../client.ts'

const FOLDER = join(import.meta.dirname, 'webtorrent')

/**
 * The npm package, in a folder of its own: nobody who does not ask for it installs its 150 packages. Its WebRTC is
 * replaced by nothing, as it would fetch a binary, and loopback needs TCP only.
 */
export const webtorrent: Client = {
  name: 'webtorrent',
  meets: 'tracker',
  whyMissing: () => (existsSync(join(FOLDER, 'node_modules')) ? undefined : `first: npm ci --ignore-scripts --prefix ${FOLDER}`),
  start({ torrent, dir, port, role }) {
    const program = new Program(`webtorrent ${role}`, [], [process.execPath, join(FOLDER, 'peer.js'), torrent.file, dir, String(port)])
    const complete = (): Promise<string> => program.line(/^COMPLETE$/, { withinMs: STALLED_AFTER_MS })
    return { program, ready: complete, done: complete }
  },
}
