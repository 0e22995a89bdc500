import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program } from '../../interop/program.ts'
import { needs } from '../../interop/requirement.ts'
import type { Client, Job } from '../client.ts'
import { saidInFile } from '../said-file.ts'

/** It does not run without its web interface, which needs a port that nobody else has: far from those of `freePort`. */
const WEB_PORT_BELOW = 12_000

/** It looks for finished torrents this often: 1500 unless told, which would be a second of nothing. */
const NOTICE_EVERY_MS = 50

/** Without a window. When everything is there, also when it was there already, it runs a shell that writes a line to a file. */
export const qbittorrent: Client = {
  name: 'qbittorrent',
  meets: 'tracker',
  whyMissing: () => needs('qbittorrent-nox') || undefined,
  start(job) {
    const { torrent, dir, home, port, role } = job
    const said = join(home, 'said')
    const config = join(home, 'qBittorrent', 'config')
    mkdirSync(config, { recursive: true })
    writeFileSync(join(config, 'qBittorrent.conf'), settingsOf(job, said))
    const options = [
      `--profile=${home}`,
      `--torrenting-port=${port}`,
      `--webui-port=${port - WEB_PORT_BELOW}`,
      `--save-path=${dir}`,
      '--skip-dialog=true',
      '--add-paused=false',
    ]
    const program = new Program(`qbittorrent ${role}`, [], ['qbittorrent-nox', ...options, torrent.file], {
      env: { HOME: home, QT_QPA_PLATFORM: 'offscreen' },
    })
    const complete = (): Promise<void> => saidInFile(program, said, 'COMPLETE')
    return { program, ready: complete, done: complete }
  },
}

/** It is built on libtorrent, so the threads and watermarks are those that libtorrent-peer.py found to be the fastest. */
function settingsOf({ role }: Job, said: string): string {
  return `
[LegalNotice]
Accepted=true

[AutoRun]
enabled=true
program=sh -c \\"echo COMPLETE >> '${said}'\\"

[BitTorrent]
Session\\BTProtocol=TCP
Session\\DHTEnabled=false
Session\\PeXEnabled=false
Session\\LSDEnabled=false
Session\\Encryption=2
Session\\MultiConnectionsPerIp=true
Session\\QueueingSystemEnabled=false
Session\\RefreshInterval=${NOTICE_EVERY_MS}
Session\\MaxUploads=-1
Session\\MaxUploadsPerTorrent=-1
Session\\MaxConnections=-1
Session\\MaxConnectionsPerTorrent=-1
Session\\Interface=lo
Session\\InterfaceName=lo
Session\\SSRFMitigation=false
Session\\AsyncIOThreadsCount=${role === 'share' ? 1 : 4}
Session\\SendBufferWatermark=4096
Session\\SendBufferLowWatermark=1024

[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\UseUPnP=false
Connection\\UPnP=false
Connection\\ResolvePeerCountries=false
`
}
