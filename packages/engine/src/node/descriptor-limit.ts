import { readFileSync } from 'node:fs'

/** For files, trackers, and the thirty or so that Node needs for itself and its threads. */
const KEPT_FROM_SOCKETS = 128
const SOCKET_SHARE = 3 / 4
const FEWEST_SOCKETS = 16

/**
 * How many files and sockets this process may have open. Node raises the soft limit to the hard one when it starts, so
 * this is what the system allows. `Infinity` where it cannot be read: macOS and Windows allow many.
 */
export function descriptorLimit(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY // a container without /proc
  }
}

/** How many of the descriptors may be connections. */
export function mostSockets(limit: number): number {
  return Math.max(FEWEST_SOCKETS, Math.floor(Math.min(limit * SOCKET_SHARE, limit - KEPT_FROM_SOCKETS)))
}
