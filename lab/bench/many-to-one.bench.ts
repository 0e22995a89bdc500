import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import { TRANSFER_MEASURES } from './measure.ts'
import { Payload } from './payload.ts'
import { transfer } from './transfer.ts'

/*
 * The same file from one seeder, from two, four, eight: what does each more cost? One table and one JSON line for each number.
 *
 *     npm run bench -- many-to-one --seeders 1,8
 */

const run = new BenchRun('many-to-one', {
  /** MiB */
  size: { type: 'string', default: '1024' },
  'piece-length': { type: 'string', default: '1MiB' },
  seeders: { type: 'string', default: '1,2,4,8' },
})
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
await run.onStage(payload, run.bytes('piece-length'), async (stage) => {
  for (const seederCount of run.text('seeders').split(',').map(Number)) {
    run.say(`${seederCount} to one`)
    await run.race({
      variant: String(seederCount),
      options: { ...run.told('size', 'piece-length'), seeders: String(seederCount) },
      measures: TRANSFER_MEASURES,
      contenders: run.ofClients((client) => transfer(stage, { seeder: client, leecher: client, seederCount })),
    })
  }
})
