import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import { libtorrent } from './clients/libtorrent.ts'
import { shoal } from './clients/shoal.ts'
import { TRANSFER_MEASURES } from './measure.ts'
import { Payload } from './payload.ts'
import { transfer } from './transfer.ts'

/*
 * One file from libtorrent to us and from us to libtorrent, beside libtorrent with itself: does a swarm that we join get
 * slower by us? Who gets dials who shares, by its port.
 *
 *     npm run bench -- foreign
 */

const run = new BenchRun('foreign', {
  /** MiB */
  size: { type: 'string', default: '1024' },
  'piece-length': { type: 'string', default: '1MiB' },
})
const missing = libtorrent.whyMissing()
if (missing !== undefined) throw new Error(`There is nobody to meet: ${missing}`)
const pairs = [
  [libtorrent, shoal],
  [shoal, libtorrent],
  [libtorrent, libtorrent],
] as const
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
await run.onStage(payload, run.bytes('piece-length'), (stage) =>
  run.race({
    options: run.told('size', 'piece-length'),
    measures: TRANSFER_MEASURES,
    contenders: pairs.map(([seeder, leecher]) => ({
      name: `${seeder.name} to ${leecher.name}`,
      isOurs: seeder === shoal || leecher === shoal,
      run: () => transfer(stage, { seeder, leecher, seederCount: 1 }),
    })),
  }),
)
