import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BenchRun, MIB } from './bench-run.ts'
import type { Creator } from './creator.ts'
import { libtorrentCreate } from './creators/libtorrent.ts'
import { mktorrent } from './creators/mktorrent.ts'
import { shoalCreate } from './creators/shoal.ts'
import type { Figures } from './measure.ts'
import { HASHING_MEASURES, yardsticks } from './one-core.ts'
import { Payload } from './payload.ts'
import { ProcessMeter } from './process-meter.ts'

/*
 * A .torrent file of one file: from the start of the program to its end, beside what one core needs for SHA-1 alone.
 *
 *     npm run bench -- create
 */

const run = new BenchRun('create', {
  /** MiB */
  size: { type: 'string', default: '1024' },
  'piece-length': { type: 'string', default: '1MiB' },
})
const payload = Payload.file(join(run.folder, 'source'), run.number('size') * MIB)
const pieceLength = run.bytes('piece-length')
const expected = pieceHashesOf(payload.content)
await run.race({
  options: run.told('size', 'piece-length'),
  measures: HASHING_MEASURES,
  contenders: [
    ...run
      .installed([shoalCreate, mktorrent, libtorrentCreate])
      .map((creator) => ({ name: creator.name, isOurs: creator === shoalCreate, run: () => create(creator) })),
    ...yardsticks(payload),
  ],
})

async function create(creator: Creator): Promise<Figures> {
  const target = join(run.folder, 'made.torrent')
  const profileDir = run.profileDir === undefined ? undefined : join(run.profileDir, creator.name)
  if (profileDir !== undefined) rmSync(profileDir, { recursive: true, force: true })
  const startedAtMs = performance.now()
  const program = creator.start({ content: payload.content, target, pieceLength, profileDir })
  // It ends by itself: what it used is known as of the last look.
  const meter = new ProcessMeter(program.pid, { lookEveryMs: 10 })
  try {
    await program.success()
    const wallSeconds = (performance.now() - startedAtMs) / 1000
    if (!readFileSync(target).includes(expected)) throw new Error('its torrent has other hashes of pieces')
    return { wallSeconds, cpuSeconds: meter.cpuSeconds(), peakMiB: meter.peakMiB() }
  } finally {
    meter.stop()
    await program.stop()
    rmSync(target, { force: true })
  }
}

/** As plainly as can be: what every creator must come to. */
function pieceHashesOf(path: string): Buffer {
  const piece = Buffer.alloc(pieceLength)
  const hashes: Buffer[] = []
  const file = openSync(path, 'r')
  try {
    for (let got = readSync(file, piece); got > 0; got = readSync(file, piece)) {
      hashes.push(createHash('sha1').update(piece.subarray(0, got)).digest())
    }
  } finally {
    closeSync(file)
  }
  return Buffer.concat(hashes)
}
