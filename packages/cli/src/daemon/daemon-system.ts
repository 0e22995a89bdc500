import { randomBytes } from 'node:crypto'
import type { SessionPorts } from '@shoal/engine'

/** Time and chance of the daemon: a part of the engine's, so that a simulated swarm and its daemons share one clock. */
export type DaemonSystem = Pick<SessionPorts['system'], 'now' | 'wallClock' | 'after' | 'every' | 'randomBytes'>

/** @public The real one. Its timers keep the process alive until they are cancelled. */
export const REAL_DAEMON_SYSTEM: DaemonSystem = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1))
    return { cancel: () => clearTimeout(timer) }
  },
  every: (intervalMs, callback) => {
    const timer = setInterval(callback, intervalMs)
    return { cancel: () => clearInterval(timer) }
  },
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
}
