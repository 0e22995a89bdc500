import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import type { Client } from './client.ts'
import { freePort } from './free-port.ts'
import type { Figures } from './measure.ts'
import { HASHING_MEASURES, yardsticks } from './one-core.ts'
import { Payload } from './payload.ts'
import type { Stage } from './stage.ts'
import { SwarmOfClients } from './swarm-of-clients.ts'

/*
 * A program is started on data that it has never seen, and says when it has hashed all of it: beside what one core needs
 * for its SHA-1 alone.
 *
 *     npm run bench -- recheck
 */

const run = new BenchRun('recheck', {
  /** MiB */
  size: { type: 'string', default: '1024' },
  'piece-length': { type: 'string', default: '1MiB' },
})
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
await run.onStage(payload, run.bytes('piece-length'), (stage) =>
  run.race({
    options: run.told('size', 'piece-length'),
    measures: HASHING_MEASURES,
    contenders: [...run.ofClients((client) => recheck(stage, client)), ...yardsticks(payload)],
  }),
)

async function recheck(stage: Stage, client: Client): Promise<Figures> {
  const swarm = new SwarmOfClients(stage)
  try {
    const port = await freePort()
    const startedAtMs = performance.now()
    const checker = swarm.start(client, { dir: stage.payload.dir, role: 'share', port, peerPorts: [] })
    await checker.client.ready()
    const wallSeconds = (performance.now() - startedAtMs) / 1000
    return { wallSeconds, cpuSeconds: checker.meter.cpuSeconds(), peakMiB: checker.meter.peakMiB() }
  } finally {
    await swarm.end()
  }
}
