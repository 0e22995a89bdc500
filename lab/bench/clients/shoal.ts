import { join } from 'node:path'
import { Program } from '../../interop/program.ts'
import { type Client, type Job, STALLED_AFTER_MS, type StartedClient } from '../client.ts'

export const SHOAL = join(import.meta.dirname, '../../../packages/cli/bin/shoal.js')

/** Ours, as people run it: each side a command of its own. */
export const shoal: Client = {
  name: 'shoal',
  meets: 'tracker',
  whyMissing: () => undefined,
  start,
}

const PROFILE_EVERY_US = 500

/** What makes Node write a profile of its main thread when it ends. */
export function profileFlags(profileDir: string | undefined): string[] {
  if (profileDir === undefined) return []
  return ['--cpu-prof', `--cpu-prof-dir=${profileDir}`, `--cpu-prof-interval=${PROFILE_EVERY_US}`]
}

const COMMANDS: Readonly<Record<Job['role'], readonly string[]>> = { share: ['seed'], get: ['get'], complete: ['get', '--seed'] }

function start({ torrent, dir, home, port, peerPorts, role, profileDir }: Job): StartedClient {
  const [command, ...flags] = COMMANDS[role]
  const peers = peerPorts.flatMap((peer) => ['--peer', `127.0.0.1:${peer}`])
  const words = [command!, torrent.file, ...flags, '--dir', dir, '--state', home, '--port', String(port), ...peers]
  const program = new Program(`shoal ${command}`, [], [process.execPath, ...profileFlags(profileDir), SHOAL, ...words])
  return {
    program,
    ready: () => program.line(/^READY /),
    done: () => program.line(/^DONE /, { withinMs: STALLED_AFTER_MS }),
  }
}
