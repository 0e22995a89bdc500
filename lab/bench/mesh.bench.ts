import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import type { Client } from './client.ts'
import { FirstPayloadWatch } from './first-payload.ts'
import { freePort } from './free-port.ts'
import type { Figures, Measure } from './measure.ts'
import { Payload } from './payload.ts'
import type { Stage } from './stage.ts'
import { cpuSecondsOf, peakMiBOf, SwarmOfClients } from './swarm-of-clients.ts'

/*
 * Five peers with a different fifth each of one file, started at once, until all of them have all of it.
 *
 *     npm run bench -- mesh --peers 5
 */

const MEASURES: readonly Measure[] = [
  { key: 'wallSeconds', label: 'wall', unit: 's' },
  { key: 'transferSeconds', label: 'transfer', unit: 's' },
  { key: 'cpuSeconds', label: 'CPU all', unit: 's' },
  { key: 'peerMiB', label: 'memory of the largest', unit: 'MiB' },
]

const run = new BenchRun('mesh', {
  /** MiB */
  size: { type: 'string', default: '256' },
  'piece-length': { type: 'string', default: '1MiB' },
  peers: { type: 'string', default: '5' },
})
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
await run.onStage(payload, run.bytes('piece-length'), (stage) =>
  run.race({
    options: run.told('size', 'piece-length', 'peers'),
    measures: MEASURES,
    contenders: run.ofClients((client) => mesh(stage, client, run.number('peers'))),
  }),
)

async function mesh(stage: Stage, client: Client, peerCount: number): Promise<Figures> {
  const swarm = new SwarmOfClients(stage)
  try {
    const dirs = Array.from({ length: peerCount }, (_, at) => swarm.newDir(`peer ${at}`))
    for (const [at, dir] of dirs.entries()) stage.payload.putPart(dir, { part: at, of: peerCount, pieceLength: stage.pieceLength })
    const ports = await Promise.all(dirs.map(freePort))
    const firstPayload = new FirstPayloadWatch()
    const startedAtMs = performance.now()
    const peers = dirs.map((dir, at) => {
      const port = ports[at]!
      return swarm.start(client, {
        dir,
        role: 'complete',
        port,
        peerPorts: client.meets === 'ports' ? ports.filter((other) => other !== port) : [],
      })
    })
    await Promise.all(peers.map((peer) => peer.client.done()))
    const doneAtMs = performance.now()
    const figures = {
      wallSeconds: (doneAtMs - startedAtMs) / 1000,
      transferSeconds: (doneAtMs - firstPayload.seenAtMs({ byMs: doneAtMs })) / 1000,
      cpuSeconds: cpuSecondsOf(peers),
      peerMiB: peakMiBOf(peers),
    }
    await swarm.stop()
    for (const dir of dirs) await stage.payload.verify(dir, client.name)
    return figures
  } finally {
    await swarm.end()
  }
}
