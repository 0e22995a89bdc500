import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program } from '../../interop/program.ts'
import { needs } from '../../interop/requirement.ts'
import { type Client, STALLED_AFTER_MS } from '../client.ts'

/** aria2 says nothing when it is complete, but runs a program that does, with the same standard output. */
const SAYS_DONE = '#!/bin/sh\necho DONE\n'

export const aria2: Client = {
  name: 'aria2',
  meets: 'tracker',
  whyMissing: () => needs('aria2c') || undefined,
  start({ torrent, dir, home, port, role }) {
    const saysDone = join(home, 'says-done')
    writeFileSync(saysDone, SAYS_DONE)
    chmodSync(saysDone, 0o755)
    const options = [
      '--no-conf',
      `--dir=${dir}`,
      `--listen-port=${port}`,
      '--enable-dht=false',
      '--enable-dht6=false',
      '--bt-enable-lpd=false',
      '--enable-peer-exchange=false',
      '--bt-max-peers=0',
      '--file-allocation=none',
      '--console-log-level=notice',
      '--summary-interval=0',
      '--show-console-readout=false',
      '--enable-color=false',
      '--seed-ratio=0.0',
      `--on-bt-download-complete=${saysDone}`,
      // What is there is looked at first; where nothing is there, it need not look.
      `--check-integrity=${role !== 'get'}`,
    ]
    const program = new Program(`aria2 ${role}`, [], ['aria2c', ...options, torrent.file], { env: { HOME: home } })
    return {
      program,
      ready: () => program.line(role === 'share' ? /Verification finished successfully/ : /listening on TCP port/),
      done: () => program.line(/^DONE$/, { withinMs: STALLED_AFTER_MS }),
    }
  },
}
