import { parseArgs } from 'node:util'
import { SwarmTorrent } from '../../packages/engine/test/swarm-torrent.ts'
import { DIR, World } from '../../packages/engine/test/world.ts'

/*
 * The real engine on a simulated line: how full is it in each second? In virtual time, so it says nothing about this machine,
 * and the same seed gives the same numbers. 1 Gbit/s and 100 ms there and back unless told otherwise.
 *
 *     npm run bench -- slow-link --mbit 1000 --round-trip 100 --seconds 6
 */

const MIB = 1024 * 1024
const { values } = parseArgs({
  options: {
    mbit: { type: 'string', default: '1000' },
    'round-trip': { type: 'string', default: '100' },
    seconds: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
  },
})
const bytesPerSecond = (Number(values.mbit) * 1e6) / 8
const roundTripMs = Number(values['round-trip'])
const seconds = Number(values.seconds)

const world = new World({
  seed: values.seed,
  link: { latencyMs: roundTripMs / 2 },
  // TCP's window grows with the line: more than is on its way, and some that waits.
  stream: { windowBytes: Math.ceil(Math.max(512 * 1024, (2.5 * bytesPerSecond * roundTripMs) / 1000)) },
})
const size = Math.ceil((bytesPerSecond * seconds) / MIB) * MIB
const torrent = new SwarmTorrent({ seed: values.seed, lengths: [size], pieceLength: MIB, trackers: world.trackers, isCheap: true })
await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: bytesPerSecond }, add: { skipCheck: true } })
const leecher = await world.join('leecher', torrent, { host: { downBytesPerSecond: bytesPerSecond } })
const fill: number[] = []
for (let before = 0; fill.length < seconds; ) {
  await world.run(1_000)
  const { downloaded } = leecher.torrent.snapshot()
  fill.push(Number(((downloaded - before) / bytesPerSecond).toFixed(3)))
  before = downloaded
  console.error(`second ${fill.length}: ${(100 * fill.at(-1)!).toFixed(1)} % of the line`)
}
await world.until('the leecher is complete', () => leecher.isDone)
const different = torrent.differences(leecher.disk, DIR)
if (different.length > 0) throw new Error(`What arrived is not what was sent: ${different.join(', ')}`)
console.log(JSON.stringify({ bench: 'slow-link', mbit: Number(values.mbit), roundTripMs, seed: values.seed, fill }))
await world.close()
