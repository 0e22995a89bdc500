import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { needs } from '../interop/requirement.ts'
import { freePort } from './free-port.ts'
import type { Figures, Measure } from './measure.ts'
import { report } from './report.ts'
import { type Shape, TrackerLoad } from './trackers/tracker-load.ts'
import { OTHER_TRACKERS, SHOAL_HUB, type TrackerKind, TrackerServer } from './trackers/tracker-server.ts'
import { type Contender, takeTurns } from './turns.ts'

/*
 * How many announces does a tracker answer on one core? Ours beside opentracker (C) and the npm package bittorrent-tracker, and
 * ours with a million peers, with all of them in one swarm, and while 5,000 sockets do nothing but hold the line.
 *
 *     npm run bench -- tracker --rounds 3 --seconds 3
 *
 * The tracker has one core and the load another; every answer is read whole and checked. Where the load takes nearly all of
 * its core ("load's core"), the tracker could do more.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    /** Which of them; all by default. */
    only: { type: 'string', default: '' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)

const MEASURES: readonly Measure[] = [
  { key: 'udpPerSecond', label: 'UDP', unit: '/s' },
  { key: 'newPerSecond', label: 'HTTP, new connection', unit: '/s' },
  { key: 'keptPerSecond', label: 'HTTP, kept', unit: '/s' },
  { key: 'udpP99Seconds', label: 'p99 UDP', unit: 'ms' },
  { key: 'newP99Seconds', label: 'p99 new', unit: 'ms' },
  { key: 'keptP99Seconds', label: 'p99 kept', unit: 'ms' },
  { key: 'udpMicroseconds', label: 'CPU UDP', unit: 'µs' },
  { key: 'newMicroseconds', label: 'CPU new', unit: 'µs' },
  { key: 'keptMicroseconds', label: 'CPU kept', unit: 'µs' },
  { key: 'bytesAPeer', label: 'memory a peer', unit: 'B' },
  { key: 'mostLoadShare', label: "load's core, %", unit: '/s' },
]

/** What a group has; and the two ends of what the world has. */
const USUAL: Shape = { swarms: 1_000, peers: 50 }
const MANY: Shape = { swarms: 20_000, peers: 50 }
const CROWD: Shape = { swarms: 1, peers: 20_000 }
const SLOW_SOCKETS = 5_000
const UDP_WINDOW = 128
const HTTP_WINDOW = 64
/** Of the answers to a load of right questions. */
const MOST_BAD_SHARE = 0.001

const missing = needs('gcc', 'taskset')
if (missing !== false) throw new Error(missing)
const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'))
// opentracker reads its list as nobody.
chmodSync(folder, 0o755)
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const load = new TrackerLoad(folder)

const others = OTHER_TRACKERS.filter((kind) => {
  const why = kind.whyMissing()
  if (why !== undefined) console.error(`${kind.name} is left out: ${why}`)
  return why === undefined
})
const contenders: Contender[] = [
  { name: 'shoal', isOurs: true, run: () => figuresOf(SHOAL_HUB, USUAL) },
  ...others.map((kind) => ({ name: kind.name, isOurs: false, run: () => figuresOf(kind, USUAL) })),
  { name: 'shoal, 1,000,000 peers', isOurs: false, run: () => figuresOf(SHOAL_HUB, MANY) },
  { name: 'shoal, 20,000 in a swarm', isOurs: false, run: () => figuresOf(SHOAL_HUB, CROWD) },
  { name: 'shoal, 5,000 slow sockets', isOurs: false, run: () => figuresOf(SHOAL_HUB, USUAL, SLOW_SOCKETS) },
].filter(({ name }) => values.only === '' || values.only.split(';').includes(name))

const { results, out } = await takeTurns(contenders, rounds, (line) => console.error(line))
if (out.length > 0) process.exitCode = 1
await report({
  bench: 'tracker',
  options: { swarms: String(USUAL.swarms), peers: String(USUAL.peers), seconds: values.seconds },
  measures: MEASURES,
  results,
})

async function figuresOf(kind: TrackerKind, shape: Shape, slowSockets = 0): Promise<Figures> {
  const server = await TrackerServer.start(kind, { port: await freePort(), folder, load, swarms: shape.swarms })
  try {
    const emptyMiB = server.memoryMiB
    await load.fill(server.port, shape)
    const bytesAPeer = ((server.memoryMiB - emptyMiB) * 1024 * 1024) / (shape.swarms * shape.peers)
    const slow = slowSockets > 0 ? await load.drip(server.port, slowSockets) : undefined
    try {
      const udp = await asked(server, 'udp', shape)
      const fresh = await asked(server, 'new', shape)
      const kept = kind.alwaysCloses ? undefined : await asked(server, 'keep', shape)
      return {
        udpPerSecond: udp.perSecond,
        newPerSecond: fresh.perSecond,
        keptPerSecond: kept?.perSecond ?? 0,
        udpP99Seconds: udp.p99Seconds,
        newP99Seconds: fresh.p99Seconds,
        keptP99Seconds: kept?.p99Seconds ?? 0,
        udpMicroseconds: udp.microseconds,
        newMicroseconds: fresh.microseconds,
        keptMicroseconds: kept?.microseconds ?? 0,
        bytesAPeer,
        mostLoadShare: 100 * Math.max(udp.loadShare, fresh.loadShare, kept?.loadShare ?? 0),
      }
    } finally {
      await slow?.stop()
    }
  } finally {
    await server.stop()
  }
}

async function asked(
  server: TrackerServer,
  how: 'udp' | 'new' | 'keep',
  shape: Shape,
): Promise<{ perSecond: number; p99Seconds: number; microseconds: number; loadShare: number }> {
  const before = server.cpuSeconds
  const figures = await load.ask(how, server.port, shape, seconds, how === 'udp' ? UDP_WINDOW : HTTP_WINDOW)
  const { answered, perSecond, p99Ms, bad, peersEach, cpuShare } = figures
  if (bad > answered * MOST_BAD_SHARE) throw new Error(`${bad} of ${answered + bad} answers to ${how} are none`)
  if (peersEach < Math.min(shape.peers, 50) * 0.9) throw new Error(`answers to ${how} have ${peersEach} peers only`)
  return { perSecond, p99Seconds: p99Ms / 1000, microseconds: ((server.cpuSeconds - before) / answered) * 1e6, loadShare: cpuShare }
}
