import type { Client } from './client.ts'
import { FirstPayloadWatch } from './first-payload.ts'
import { freePort } from './free-port.ts'
import type { Figures } from './measure.ts'
import type { Stage } from './stage.ts'
import { cpuSecondsOf, peakMiBOf, SwarmOfClients } from './swarm-of-clients.ts'

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
  const { tracker, payload } = stage
  const swarm = new SwarmOfClients(stage)
  try {
    const dir = swarm.newDir('target')
    const ports = await Promise.all(Array.from({ length: seederCount }, freePort))
    const seeders = ports.map((port) => swarm.start(seeder, { dir: payload.dir, role: 'share', port, peerPorts: [] }))
    await Promise.all(seeders.map(({ client }) => client.ready()))
    if (seeder.meets === 'tracker') await tracker.whenSeeds(swarm.torrent.infoHash, seederCount)
    // Whoever does not ask the tracker is not known to it either.
    const peerPorts = seeder.meets === 'ports' || leecher.meets === 'ports' ? ports : []
    const port = await freePort()
    const seederCpuBefore = cpuSecondsOf(seeders)
    const firstPayload = new FirstPayloadWatch()
    const startedAtMs = performance.now()
    const getter = swarm.start(leecher, { dir, role: 'get', port, peerPorts })
    await getter.client.done()
    const doneAtMs = performance.now()
    const leecherCpuSeconds = cpuSecondsOf([getter])
    const seederCpuSeconds = cpuSecondsOf(seeders) - seederCpuBefore
    const figures = {
      wallSeconds: (doneAtMs - startedAtMs) / 1000,
      transferSeconds: (doneAtMs - firstPayload.seenAtMs({ byMs: doneAtMs })) / 1000,
      seederCpuSeconds,
      leecherCpuSeconds,
      cpuSeconds: seederCpuSeconds + leecherCpuSeconds,
      seederMiB: peakMiBOf(seeders),
      leecherMiB: peakMiBOf([getter]),
    }
    // A client may still hold back what it has verified, until it ends.
    await swarm.stop()
    await payload.verify(dir, `${seeder.name} to ${leecher.name}`)
    return figures
  } finally {
    await swarm.end()
  }
}
