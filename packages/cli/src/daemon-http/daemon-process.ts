import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { ClientError } from '@shoal/api/client-error'
import { DaemonAccessError } from './daemon-access-error.ts'
import type { DaemonFiles } from './daemon-files.ts'
import { readIfThere } from './local-secret.ts'
import { daemonAddress, findDaemon, isAlive, type RunningDaemon } from './running-daemon.ts'

/** A large state on a slow disk is ready long before. */
export const START_TIMEOUT_MS = 30_000
/** It stops within five seconds, and a disk may be slow. */
export const STOP_TIMEOUT_MS = 15_000
const LOOK_MS = 50

export interface DaemonStart {
  readonly files: DaemonFiles
  /** The words of the command line that runs a daemon in its process. */
  readonly program: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * Starts a daemon that outlives this process, and waits until it answers. Two that are started at once are one in the end.
 *
 * @throws {DaemonAccessError} `DAEMON_NOT_STARTED`, with what it said
 */
export async function startDaemonProcess({ files, program, environment }: DaemonStart): Promise<RunningDaemon> {
  const said = openStartLog(files)
  let ended: number | undefined
  const child = spawn(process.execPath, [...program], {
    detached: true,
    stdio: ['ignore', 'ignore', said],
    // no folder of the person is kept from being unmounted
    cwd: files.folder,
    env: { ...environment },
    windowsHide: true,
  })
  closeSync(said)
  child.once('error', () => {
    ended = -1
  })
  child.once('exit', (code) => {
    ended = code ?? -1
  })
  child.unref()
  const until = performance.now() + START_TIMEOUT_MS
  while (performance.now() < until) {
    const running = await findDaemon(files).catch(silentIsNotYet)
    if (running !== undefined) return running
    if (ended !== undefined) {
      const reason = reasonIn((await readIfThere(files.startLog)) ?? '')
      // somebody else was quicker: theirs is as good
      if (reason.code !== 'STATE_IN_USE') throw new DaemonAccessError('DAEMON_NOT_STARTED', reason.text)
    }
    await pause(LOOK_MS)
  }
  throw new DaemonAccessError(
    'DAEMON_NOT_STARTED',
    `The daemon was not ready within ${START_TIMEOUT_MS / 1_000} s. What it does: shoal daemon logs`,
  )
}

/**
 * Asks the daemon to stop, and waits until its process has ended.
 *
 * @returns false when none ran
 * @throws {DaemonAccessError} `DAEMON_NOT_STOPPED`
 */
export async function stopDaemonProcess(files: DaemonFiles): Promise<boolean> {
  const address = await daemonAddress(files)
  if (address === undefined) return false
  const { pid } = address
  const running = await findDaemon(files).catch(silentIsNotYet)
  try {
    if (running === undefined) process.kill(pid, 'SIGTERM')
    else await running.client.stop()
  } catch (error) {
    // It was faster than its answer, or is no process any more.
    if (!(error instanceof ClientError) && !(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
  const until = performance.now() + STOP_TIMEOUT_MS
  while (performance.now() < until) {
    if (!isAlive(pid)) return true
    await pause(LOOK_MS)
  }
  throw new DaemonAccessError(
    'DAEMON_NOT_STOPPED',
    `The daemon (process ${pid}) did not stop within ${STOP_TIMEOUT_MS / 1_000} s. What it waits for: shoal daemon logs`,
  )
}

function openStartLog({ folder, startLog }: DaemonFiles): number {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return openSync(startLog, 'w', 0o600)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new DaemonAccessError(
      'STATE_UNAVAILABLE',
      `Cannot use the state folder ${folder}: ${reason}. It must be writable for this user`,
      {
        cause,
      },
    )
  }
}

function silentIsNotYet(error: unknown): undefined {
  if (error instanceof ClientError) return undefined
  throw error
}

/** The failure is the last line, as JSON; anything else is from a program that could not even begin. */
function reasonIn(text: string): { readonly code: string; readonly text: string } {
  const lines = text.trim().split('\n')
  try {
    const { error } = JSON.parse(lines.at(-1) ?? '') as { error: { code: string; message: string } }
    return { code: error.code, text: error.message }
  } catch {
    return { code: '', text: `The daemon ended before it was ready: ${lines.slice(-3).join(' ').trim() || 'it said nothing'}` }
  }
}
