import { readdirSync, readFileSync } from 'node:fs'
import { ClientError } from '@shoal/api/client-error'
import type { DaemonFacts } from '@shoal/api/daemon-api'
import { DaemonClient } from '@shoal/api/daemon-client'
import type { DaemonFiles } from './daemon-files.ts'
import { readIfThere, readToken } from './local-secret.ts'

/** A daemon that answers. */
export interface RunningDaemon {
  readonly client: DaemonClient
  readonly facts: DaemonFacts
}

/** What a daemon has left in its folder of where it is. */
export interface DaemonAddress {
  readonly url: string
  readonly pid: number
}

/** The second line is the process: whoever else listens at the address of one that was killed is not shown the token. */
export function addressText({ url, pid }: DaemonAddress): string {
  return `${url}\n${pid}\n`
}

/** Undefined when none runs: also when one that was killed has left its address. */
export async function daemonAddress(files: DaemonFiles): Promise<DaemonAddress | undefined> {
  const [url, pid] = ((await readIfThere(files.url)) ?? '').split('\n')
  if (url === undefined || !/^http:\/\/127\.0\.0\.1:\d{1,5}$/.test(url) || !/^\d{1,10}$/.test(pid ?? '')) return undefined
  return isAlive(Number(pid)) ? { url, pid: Number(pid) } : undefined
}

/**
 * The daemon of this person, if one runs.
 *
 * @throws {ClientError} `DAEMON_SILENT`; {ProblemError} what it refuses
 */
export async function findDaemon(files: DaemonFiles, timeoutMs: number = 5_000): Promise<RunningDaemon | undefined> {
  const [address, token] = await Promise.all([daemonAddress(files), readToken(files.token)])
  if (address === undefined || token === undefined) return undefined
  const { url } = address
  try {
    const facts = await new DaemonClient({ url, token, timeoutMs }).facts()
    return { client: new DaemonClient({ url, token }), facts }
  } catch (error) {
    if (error instanceof ClientError && error.code !== 'DAEMON_SILENT') return undefined
    throw error
  }
}

/** Whether a process of that number runs. One that has ended stays in the table until its parent has looked, which some never do. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // it is there, and somebody else's
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  try {
    const hasEnded = /^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    // the first thread goes before the others, which still hold files and ports
    return !hasEnded || readdirSync(`/proc/${pid}/task`).length > 1
  } catch {
    return true // no Linux
  }
}
