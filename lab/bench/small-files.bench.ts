import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import { TRANSFER_MEASURES } from './measure.ts'
import { Payload } from './payload.ts'
import { transfer } from './transfer.ts'

/*
 * One seeder, one leecher, many small files of equal size: what does a file cost?
 *
 *     npm run bench -- small-files --files 2000
 */

const run = new BenchRun('small-files', {
  /** MiB, all together */
  size: { type: 'string', default: '256' },
  files: { type: 'string', default: '2000' },
  'piece-length': { type: 'string', default: '1MiB' },
})
const payload = Payload.folder(join(run.folder, 'source'), { bytes: run.number('size') * MIB, fileCount: run.number('files') })
await run.onStage(payload, run.bytes('piece-length'), (stage) =>
  run.race({
    options: run.told('size', 'files', 'piece-length'),
    measures: TRANSFER_MEASURES,
    contenders: run.ofClients((client) => transfer(stage, { seeder: client, leecher: client, seederCount: 1 })),
  }),
)
