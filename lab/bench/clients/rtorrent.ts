import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program } from '../../interop/program.ts'
import { needs } from '../../interop/requirement.ts'
import type { Client, Job } from '../client.ts'
import { saidInFile } from '../said-file.ts'

/** It meets only one peer at an address, so each of ours has an address of its own: 127.0.1.1, 127.0.1.2, … */
let started = 0

/**
 * Without its screen. What happens to its torrent makes it run a shell that writes a line to a file; that it is complete it
 * notices when its clock of whole seconds ticks.
 */
export const rtorrent: Client = {
  name: 'rtorrent',
  meets: 'tracker',
  whyMissing: () => needs('rtorrent') || undefined,
  start(job) {
    const said = join(job.home, 'said')
    const settings = join(job.home, 'rtorrent.rc')
    writeFileSync(settings, settingsOf(job, said))
    const program = new Program(`rtorrent ${job.role}`, [], ['rtorrent', '-n', '-o', `import=${settings}`], { env: { HOME: job.home } })
    return {
      program,
      ready: () => saidInFile(program, said, 'CHECKED'),
      done: () => saidInFile(program, said, 'DONE'),
    }
  },
}

function settingsOf({ torrent, dir, home, port }: Job, said: string): string {
  const say = (line: string): string => `say, "execute.nothrow = sh, -c, \\"echo ${line} >> '${said}'\\""`
  return `
system.daemon.set = true
directory.default.set = "${dir}"
session.path.set = "${home}"
network.bind_address.set = 127.0.${1 + Math.floor(started / 250)}.${1 + (started++ % 250)}
network.port_range.set = ${port}-${port}
network.port_random.set = no
dht.mode.set = disable
protocol.pex.set = no
protocol.encryption.set = none
trackers.use_udp.set = no
throttle.max_uploads.set = 100
network.send_buffer.size.set = 4M
network.receive_buffer.size.set = 4M
# Every piece has been hashed when it came.
pieces.hash.on_completion.set = no
method.set_key = event.download.hash_done, ${say('CHECKED')}
method.set_key = event.download.finished, ${say('DONE')}
load.start = "${torrent.file}"
`
}
