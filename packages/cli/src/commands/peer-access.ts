import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { ClientError } from '@shoal/api/client-error'
import { DaemonClient } from '@shoal/api/daemon-client'
import { homeFolder } from '../foreground/folders.ts'
import { CliError } from '../render/failure.ts'
import type { PeerWorld } from '../shell/peer/peer-world.ts'
import type { CommandContext } from './command.ts'
import { torrentMaker } from './torrent-maker.ts'

/**
 * This person's peer on this machine; it is started when it does not run.
 *
 * @throws {CliError} `DAEMON_NOT_STARTED`, with what it said
 */
export async function runningPeer({ environment }: Pick<CommandContext, 'environment'>): Promise<DaemonClient> {
  const running = await peerIfRunning(environment)
  if (running !== undefined) return running
  await askDaemon('start')
  const started = await peerIfRunning(environment)
  if (started !== undefined) return started
  throw new CliError('DAEMON_NOT_STARTED', 'The peer has started, and cannot be reached. What happened: shoal daemon logs')
}

/** Undefined when none runs, or only what one that was killed has left. */
export async function peerIfRunning(environment: CommandContext['environment']): Promise<DaemonClient | undefined> {
  const folder = join(homeFolder(environment), 'peer')
  const [url, token] = [lineOf(join(folder, 'url')), lineOf(join(folder, 'token'))]
  if (url === undefined || token === undefined) return undefined
  const client = new DaemonClient({ url, token })
  try {
    await client.facts()
    return client
  } catch (error) {
    // Whoever listens there now is somebody else, or nobody.
    if (error instanceof ClientError && error.code !== 'DAEMON_SILENT') return undefined
    throw error
  }
}

export function peerWorld(client: DaemonClient, { version }: Pick<CommandContext, 'version'>): PeerWorld {
  return { client, folder: process.cwd(), maker: torrentMaker(version), ownAddresses, chance: () => randomInt(2 ** 32) / 2 ** 32 }
}

/** IPv4 first: that is what people type. */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const usable = all.filter((address) => !address.internal && !address.address.startsWith('fe80:'))
  return [...usable.filter(({ family }) => family === 'IPv4'), ...usable.filter(({ family }) => family !== 'IPv4')].map(
    ({ address }) => address,
  )
}

/** Stops it in order; done when it is gone. */
export async function stopPeer(): Promise<void> {
  await askDaemon('stop')
}

/** As `shoal daemon start` and `stop` do it: when that ends well, the daemon is ready, or gone. */
async function askDaemon(what: 'start' | 'stop'): Promise<void> {
  const program = process.argv[1]
  if (program === undefined) throw new Error('Cannot happen: a program without a file')
  const child = spawn(process.execPath, [program, 'daemon', what], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (status === 0) return
  const reason = said.trim().replace(/^shoal: /, '')
  throw new CliError('DAEMON_NOT_STARTED', reason === '' ? `The peer did not ${what}. What happened: shoal daemon logs` : reason)
}

function lineOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/)[0] || undefined
  } catch {
    return undefined // it does not run
  }
}
