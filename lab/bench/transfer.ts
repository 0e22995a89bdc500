import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchTorrents } from './bench-torrent.ts'
import type { Client, Job, StartedClient } from './client.ts'
import { FirstPayloadWatch } from './first-payload.ts'
import { freePort } from './free-port.ts'
import type { Figures } from './measure.ts'
import type { Payload } from './payload.ts'
import { ProcessMeter } from './process-meter.ts'
import type { Tracker } from './tracker.ts'

/** What all transfers of a run have in common. */
export interface Stage {
  /** Everything that a transfer writes is below it, and gone after it. */
  readonly folder: string
  readonly tracker: Tracker
  readonly payload: Payload
  readonly torrents: BenchTorrents
  readonly profileDir: string | undefined
}

export interface Sides {
  readonly seeder: Client
  readonly leecher: Client
  readonly seederCount: number
}

/**
 * Seeders that have everything and have checked it, and one leecher that begins with nothing: from the start of its
 * process until it says that everything is there and verified, and then it is verified again.
 */
export async function transfer(stage: Stage, { seeder, leecher, seederCount }: Sides): Promise<Figures> {
  const { tracker, payload, torrents, profileDir } = stage
  const torrent = torrents.next()
  const place = mkdtempSync(join(stage.folder, 'transfer-'))
  const target = join(place, 'target')
  mkdirSync(target)
  const running: Running[] = []
  const start = (client: Client, job: Omit<Job, 'torrent' | 'home' | 'profileDir'>): Running => {
    const home = join(place, `home-${running.length}`)
    mkdirSync(home)
    const started = new Running(client.start({ ...job, torrent, home, profileDir }))
    running.push(started)
    return started
  }
  try {
    const ports = await Promise.all(Array.from({ length: seederCount }, freePort))
    const seeders = ports.map((port) => start(seeder, { dir: payload.dir, role: 'share', port, peerPorts: [] }))
    await Promise.all(seeders.map(({ client }) => client.ready()))
    // Whoever does not ask the tracker is not known to it either.
    const tellsPorts = seeder.meets === 'ports' || leecher.meets === 'ports'
    if (seeder.meets === 'tracker') await tracker.whenSeeds(torrent.infoHash, seederCount)
    const port = await freePort()
    const seederCpuBefore = total(seeders, (each) => each.meter.cpuSeconds())
    const firstPayload = new FirstPayloadWatch()
    const startedAtMs = performance.now()
    const getter = start(leecher, { dir: target, role: 'get', port, peerPorts: tellsPorts ? ports : [] })
    await getter.client.done()
    const doneAtMs = performance.now()
    const leecherCpuSeconds = getter.meter.cpuSeconds()
    const seederCpuSeconds = total(seeders, (each) => each.meter.cpuSeconds()) - seederCpuBefore
    const figures = {
      wallSeconds: (doneAtMs - startedAtMs) / 1000,
      transferSeconds: (doneAtMs - firstPayload.seenAtMs()) / 1000,
      seederCpuSeconds,
      leecherCpuSeconds,
      cpuSeconds: seederCpuSeconds + leecherCpuSeconds,
      seederMiB: Math.max(...seeders.map((each) => each.meter.peakMiB())),
      leecherMiB: getter.meter.peakMiB(),
    }
    await Promise.all(running.map((each) => each.stop()))
    await payload.verify(target, `${seeder.name} to ${leecher.name}`)
    return figures
  } finally {
    await Promise.all(running.map((each) => each.stop()))
    rmSync(place, { recursive: true })
  }
}

/** A client and what it uses. */
class Running {
  readonly client: StartedClient
  readonly meter: ProcessMeter

  constructor(client: StartedClient) {
    this.client = client
    this.meter = new ProcessMeter(client.program.pid)
  }

  async stop(): Promise<void> {
    this.meter.stop()
    await this.client.program.stop()
  }
}

function total(all: readonly Running[], figure: (each: Running) => number): number {
  return all.reduce((sum, each) => sum + figure(each), 0)
}
