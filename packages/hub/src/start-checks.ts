import { readFile, stat, statfs } from 'node:fs/promises'
import type { HubConfig } from './config.ts'

/** What a hub finds on the machine that it starts on; undefined where the machine does not tell. */
export interface MachineFacts {
  /** Milliseconds since 1970. */
  readonly wallClock: number
  readonly openFiles: number | undefined
  readonly freeSpaceBytes: number | undefined
  /** Permission bits of the state directory. */
  readonly stateMode: number | undefined
  readonly certificateExpiresAt: number | undefined
}

/** This program did not exist before. */
const FIRST_RELEASE = Date.UTC(2026, 0, 1)
/** Files, sockets of trackers and threads besides the connections. */
const OTHER_DESCRIPTORS = 200
const EXPIRES_SOON_MS = 7 * 86_400_000

/** What would go wrong later, each with what to do about it. None of it keeps the hub from starting. */
export function startWarnings(config: HubConfig, facts: MachineFacts): readonly string[] {
  return [
    ...openFilesWarning(config, facts),
    ...clockWarning(facts),
    ...stateWarning(config, facts),
    ...spaceWarning(config, facts),
    ...transportWarning(config),
    ...certificateWarning(facts),
  ]
}

function openFilesWarning({ maxHttpConnections }: HubConfig, { openFiles }: MachineFacts): string[] {
  if (openFiles === undefined || openFiles >= maxHttpConnections + OTHER_DESCRIPTORS) return []
  return [
    `The system allows this hub ${openFiles} open files, but it may have ${maxHttpConnections} connections: beyond the limit it cannot take any. ` +
      `Raise it (LimitNOFILE= of the unit, or ulimit -n), or lower limits.http-connections`,
  ]
}

function clockWarning({ wallClock }: MachineFacts): string[] {
  if (wallClock >= FIRST_RELEASE) return []
  return [`The clock of this machine says ${new Date(wallClock).toISOString()}: sessions and invites would end at the wrong time. Set it`]
}

function stateWarning({ stateDirectory }: HubConfig, { stateMode }: MachineFacts): string[] {
  if (stateMode === undefined || (stateMode & 0o077) === 0) return []
  return [
    `Other users of this machine may look into the state directory ${stateDirectory} (mode ${stateMode.toString(8)}), where secrets are. Close it: chmod 700`,
  ]
}

function spaceWarning(config: HubConfig, { freeSpaceBytes }: MachineFacts): string[] {
  if (freeSpaceBytes === undefined || freeSpaceBytes >= config.freeSpaceBytes) return []
  const mebibytes = Math.floor(freeSpaceBytes / 2 ** 20)
  return [`The disk of ${config.stateDirectory} has ${mebibytes} MiB left: without space nobody can publish or sign in. Make some`]
}

function transportWarning({ host, tls, publicUrl, trustedProxies, settings }: HubConfig): string[] {
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.')
  const isEncrypted = tls !== undefined || publicUrl?.startsWith('https:') === true || trustedProxies.length > 0
  if (isLoopback || isEncrypted || settings.visitors === 'member') return []
  return [
    'Passwords of members cross the network readable: set tls.certificate and tls.key, or put a proxy with HTTPS before the hub (docs/hub.md)',
  ]
}

function certificateWarning({ certificateExpiresAt: end, wallClock }: MachineFacts): string[] {
  if (end === undefined || end - wallClock > EXPIRES_SOON_MS) return []
  const when = new Date(end).toISOString().slice(0, 10)
  return [
    `The certificate ${end < wallClock ? 'ended' : 'ends'} on ${when}: browsers and clients will refuse it. Renew it; the hub takes the new files by itself`,
  ]
}

/** Asks the system. What it does not tell (Windows knows no modes and no such limit) stays undefined. */
export async function machineFacts(config: HubConfig, wallClock: number, certificateExpiresAt?: number): Promise<MachineFacts> {
  const isPosix = process.platform !== 'win32'
  const folder = config.stateDirectory
  return {
    wallClock,
    certificateExpiresAt,
    openFiles: await orUndefined(async () => openFilesOf(await readFile('/proc/self/limits', 'utf8'))),
    freeSpaceBytes: await orUndefined(async () => {
      if (folder === undefined) return undefined
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    }),
    stateMode: await orUndefined(async () => (folder === undefined || !isPosix ? undefined : (await stat(folder)).mode & 0o777)),
  }
}

/** `Max open files            1024                 524288               files`: the first number counts. */
function openFilesOf(limits: string): number | undefined {
  const text = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  return text === undefined || text === 'unlimited' ? undefined : Number(text)
}

async function orUndefined<T>(ask: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await ask()
  } catch {
    return undefined // another system, or a folder that is not there yet: nothing to warn of
  }
}
