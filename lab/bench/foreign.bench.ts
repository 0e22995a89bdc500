import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import { libtorrent } from './clients/libtorrent.ts'
import { shoal } from './clients/shoal.ts'
import { TRANSFER_MEASURES } from './measure.ts'
import { Payload } from './payload.ts'
import { report } from './report.ts'
import { transfer } from './transfer.ts'
import { takeTurns } from './turns.ts'

/*
 * One file from libtorrent to us and from us to libtorrent, beside libtorrent with itself: does a swarm that we join get
 * slower by us? Who gets dials who shares, by its port.
 *
 *     npm run bench -- foreign
 */

const run = new BenchRun({
  /** MiB */
  size: { type: 'string', default: '1024' },
  'piece-length': { type: 'string', default: '1MiB' },
})
const missing = libtorrent.whyMissing()
if (missing !== undefined) throw new Error(`There is nobody to meet: ${missing}`)
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
const results = await run.onStage(payload, run.bytes('piece-length'), (stage) =>
  takeTurns(
    [[libtorrent, shoal] as const, [shoal, libtorrent] as const, [libtorrent, libtorrent] as const].map(([seeder, leecher]) => ({
      name: `${seeder.name} to ${leecher.name}`,
      isOurs: seeder === shoal || leecher === shoal,
      run: () => transfer(stage, { seeder, leecher, seederCount: 1 }),
    })),
    run.rounds,
    run.say,
  ),
)
report({
  bench: 'foreign',
  options: { size: run.text('size'), pieceLength: run.text('piece-length') },
  measures: TRANSFER_MEASURES,
  results,
})
