import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import { TRANSFER_MEASURES } from './measure.ts'
import { Payload } from './payload.ts'
import { transfer } from './transfer.ts'

/*
 * One seeder, one leecher, one file, both sides the same client: what does it cost?
 *
 *     npm run bench -- one-to-one --size 1024 --piece-length 256KiB
 */

const run = new BenchRun('one-to-one', {
  /** MiB */
  size: { type: 'string', default: '1024' },
  'piece-length': { type: 'string', default: '1MiB' },
})
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
await run.onStage(payload, run.bytes('piece-length'), (stage) =>
  run.race({
    options: run.told('size', 'piece-length'),
    measures: TRANSFER_MEASURES,
    contenders: run.ofClients((client) => transfer(stage, { seeder: client, leecher: client, seederCount: 1 })),
  }),
)
