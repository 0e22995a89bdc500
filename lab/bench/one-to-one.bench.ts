import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import { TRANSFER_MEASURES } from './measure.ts'
import { Payload } from './payload.ts'
import { report } from './report.ts'
import { transfer } from './transfer.ts'
import { takeTurns } from './turns.ts'

/*
 * One seeder, one leecher, one file, both sides the same client: what does it cost?
 *
 *     npm run bench -- one-to-one --size 1024 --piece-length 256KiB
 */

const run = new BenchRun({
  /** MiB */
  size: { type: 'string', default: '1024' },
  'piece-length': { type: 'string', default: '1MiB' },
})
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
const results = await run.onStage(payload, run.bytes('piece-length'), (stage) =>
  takeTurns(
    run.clients.map((client) => ({
      name: client.name,
      isOurs: client.name === 'shoal',
      run: () => transfer(stage, { seeder: client, leecher: client, seederCount: 1 }),
    })),
    run.rounds,
    run.say,
  ),
)
report({
  bench: 'one-to-one',
  options: { size: run.text('size'), pieceLength: run.text('piece-length') },
  measures: TRANSFER_MEASURES,
  results,
})
