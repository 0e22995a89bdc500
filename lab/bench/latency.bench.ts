import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import { TRANSFER_MEASURES } from './measure.ts'
import { Payload } from './payload.ts'
import { transfer } from './transfer.ts'

/*
 * One file of 1 MiB: what passes from the start of a program to done, when there is next to nothing to transfer?
 *
 *     npm run bench -- latency --rounds 11
 */

const run = new BenchRun('latency', {
  /** MiB */
  size: { type: 'string', default: '1' },
  'piece-length': { type: 'string', default: '256KiB' },
})
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
await run.onStage(payload, run.bytes('piece-length'), (stage) =>
  run.race({
    options: run.told('size', 'piece-length'),
    measures: TRANSFER_MEASURES.map((measure) => (measure.unit === 's' ? { ...measure, unit: 'ms' } : measure)),
    contenders: run.ofClients((client) => transfer(stage, { seeder: client, leecher: client, seederCount: 1 })),
  }),
)
