import { randomInt } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { DaemonClient } from '@shoal/api/daemon-client'
import { daemonFiles } from '../daemon-http/daemon-files.ts'
import { startDaemonProcess, stopDaemonProcess } from '../daemon-http/daemon-process.ts'
import { findDaemon } from '../daemon-http/running-daemon.ts'
import { homeFolder } from '../foreground/folders.ts'
import type { PeerWorld } from '../shell/peer/peer-world.ts'
import type { CommandContext } from './command.ts'
import { daemonProcessWords } from './daemon.ts'
import { torrentMaker } from './torrent-maker.ts'

/**
 * This person's peer on this machine; it is started when it does not run.
 *
 * @throws {DaemonAccessError} `DAEMON_NOT_STARTED`, with what it said
 */
export async function runningPeer({ environment }: Pick<CommandContext, 'environment'>): Promise<DaemonClient> {
  const files = daemonFiles(homeFolder(environment))
  const running = (await findDaemon(files)) ?? (await startDaemonProcess({ files, program: daemonProcessWords({}), environment }))
  return running.client
}

/** Undefined when none runs. */
export async function peerIfRunning(environment: CommandContext['environment']): Promise<DaemonClient | undefined> {
  return (await findDaemon(daemonFiles(homeFolder(environment))))?.client
}

/** Stops it in order; done when it is gone. */
export async function stopPeer(environment: CommandContext['environment']): Promise<void> {
  await stopDaemonProcess(daemonFiles(homeFolder(environment)))
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
