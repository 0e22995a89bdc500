import { mkdirSync } from 'node:fs'
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { createSession, DEFAULT_SWARM_OPTIONS, type Endpoint, type Session, type Torrent } from '@shoal/engine'
import { serve } from './idle-process.ts'

/*
 * A session in a process of its own: the engine that `idle-connections` measures, and (another one) the seeder that it
 * downloads from.
 */

const LAG_RESOLUTION_MS = 10

let session: Session | undefined
const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
let cpuBefore = process.cpuUsage()
let busyBefore: EventLoopUtilization = performance.eventLoopUtilization()

/** How late the event loop was, in ms, and what the process uses, since it was asked last. */
export interface EngineFigures {
  readonly lagMs: { readonly min: number; readonly median: number; readonly p99: number; readonly max: number }
  readonly rssMiB: number
  readonly heapMiB: number
  readonly bufferMiB: number
  readonly cpuSeconds: number
  /** Share of the time in which the main thread was at work. */
  readonly busy: number
  readonly connections: number
}

const service = {
  async open(order: { readonly maxConnections: number }): Promise<Endpoint> {
    session = await createSession({
      listenPort: 0,
      host: '0.0.0.0',
      maxConnections: order.maxConnections,
      swarm: { ...DEFAULT_SWARM_OPTIONS, maxConnections: order.maxConnections },
    })
    const { maxConnections } = session.options
    if (maxConnections < order.maxConnections) {
      throw new Error(`The system allows a session ${maxConnections} connections: raise the limit of open files (ulimit -n) for more`)
    }
    lag.enable()
    return { host: '127.0.0.1', port: session.listenPort }
  },

  /** Adds a torrent: one to seed has its data in `dir`, the other kind is to be fetched from peers named later. */
  async add(order: { readonly metainfo: Uint8Array; readonly dir: string; readonly seed: boolean }): Promise<string> {
    mkdirSync(order.dir, { recursive: true })
    const torrent = session!.add({ metainfo: order.metainfo, dir: order.dir, skipCheck: order.seed })
    await torrent.whenReady()
    return torrent.infoHashHex
  },

  /** Fetches a torrent from one peer. @returns seconds from the name of the peer to the last verified piece */
  async fetch(order: { readonly infoHash: string; readonly from: Endpoint }): Promise<number> {
    const torrent = torrentOf(order.infoHash)
    const begunAt = performance.now()
    torrent.addPeers([order.from])
    await torrent.whenDone()
    return (performance.now() - begunAt) / 1000
  },

  async remove(order: { readonly infoHash: string }): Promise<void> {
    await session!.remove(torrentOf(order.infoHash))
  },

  figures(): EngineFigures {
    const memory = process.memoryUsage()
    const cpu = process.cpuUsage(cpuBefore)
    const busyNow = performance.eventLoopUtilization()
    const figures = {
      lagMs: { min: lagMs(lag.min), median: lagMs(lag.percentile(50)), p99: lagMs(lag.percentile(99)), max: lagMs(lag.max) },
      rssMiB: memory.rss / 2 ** 20,
      heapMiB: memory.heapUsed / 2 ** 20,
      bufferMiB: memory.arrayBuffers / 2 ** 20,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      busy: performance.eventLoopUtilization(busyNow, busyBefore).utilization,
      connections: session?.connectionCount ?? 0,
    }
    cpuBefore = process.cpuUsage()
    busyBefore = busyNow
    lag.reset()
    return figures
  },

  /** @returns the seconds it took to say goodbye to everybody */
  async close(): Promise<number> {
    const begunAt = performance.now()
    await session!.close()
    return (performance.now() - begunAt) / 1000
  },
}

export type EngineService = typeof service

serve(service)

function torrentOf(infoHash: string): Torrent {
  const torrent = session?.get(infoHash)
  if (torrent === undefined) throw new Error(`no torrent ${infoHash}`)
  return torrent
}

/** The histogram holds the time between two ticks of a timer: what is beyond its interval is lag. */
function lagMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - LAG_RESOLUTION_MS)
}
