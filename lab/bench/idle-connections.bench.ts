import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Endpoint } from '@shoal/engine'
import { createTorrent } from '@shoal/engine/create-torrent'
import { fromHex } from '@shoal/protocol/bytes'
import type { EngineFigures, EngineService } from './idle-engine.ts'
import type { CrowdReport, CrowdTorrent, PeersService } from './idle-peers.ts'
import { Servant } from './idle-process.ts'

/*
 * What do ten thousand peers cost that only hold the line? One engine, a crowd of idle peers in other processes, and
 * downloads through the same engine without and with them: next to the crowd, and (one torrent) in the midst of it,
 * where everybody is told of every piece.
 *
 *     npm run bench -- idle-connections --connections 10000 --minutes 10
 *     npm run bench -- idle-connections --connections 10000 --torrents 100 --minutes 10
 *
 * `--engine-option=--cpu-prof` (or another option of Node) goes to the engine under test.
 */

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    minutes: { type: 'string', default: '0.5' },
    /** 1: all in the swarm of the torrent that is then fetched. More: spread over so many small ones that the engine seeds. */
    torrents: { type: 'string', default: '1' },
    size: { type: 'string', default: '256' },
    'piece-length': { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    processes: { type: 'string', default: '2' },
    'engine-option': { type: 'string', multiple: true, default: [] },
    dir: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
  },
})
const connections = Number(values.connections)
const torrentCount = Number(values.torrents)
const rounds = Number(values.rounds)
const processCount = Number(values.processes)
const bytes = Number(values.size) * 1024 * 1024
const MIB = 1024 * 1024
/** Of the small torrents that the engine seeds to the crowd. */
const SMALL_BYTES = 4 * MIB
const SMALL_PIECE_LENGTH = 16 * 1024

const folder = mkdtempSync(join(values.dir, 'shoal-idle-'))
const engine = new Servant<EngineService>(new URL('./idle-engine.ts', import.meta.url), values['engine-option'])
const seeder = new Servant<EngineService>(new URL('./idle-engine.ts', import.meta.url))
const crowd = Array.from({ length: processCount }, () => new Servant<PeersService>(new URL('./idle-peers.ts', import.meta.url)))
try {
  await main()
} finally {
  await Promise.all([engine, seeder, ...crowd].map((servant) => servant.end()))
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const source = join(folder, 'source')
  mkdirSync(source)
  const payload = join(source, 'payload.bin')
  writeFileSync(payload, randomBytes(bytes))
  writeFileSync(join(source, 'small.bin'), randomBytes(SMALL_BYTES))
  // Room for the seeder beside the crowd.
  const { port } = await engine.ask('open', { maxConnections: connections + 100 })
  const from = await seeder.ask('open', { maxConnections: 100 })

  // The first ones warm the code up.
  await fetchInTurn('warm', 2, from)
  const before = await fetchInTurn('alone', rounds, from)
  const atStart = await engine.ask('figures', undefined)
  say('start', atStart)

  const [swarms, midst] = torrentCount === 1 ? await torrentToFetch() : [await torrentsToSeed(), undefined]
  const share = Math.ceil(connections / processCount)
  const connected = await Promise.all(
    crowd.map((peers, index) =>
      peers.ask('connect', {
        port,
        torrents: swarms,
        hasSeeds: midst !== undefined,
        first: index * share,
        count: Math.min(share, connections - index * share),
      }),
    ),
  )
  const open = connected.reduce((sum, part) => sum + part.open, 0)
  const connectSeconds = Math.max(...connected.map((part) => part.seconds))
  const afterConnect = await engine.ask('figures', undefined)
  say(`connected ${open} in ${connectSeconds.toFixed(2)} s`, afterConnect)

  await sleep(Number(values.minutes) * 60_000)
  const afterIdle = await engine.ask('figures', undefined)
  say(`idle for ${values.minutes} min`, afterIdle)

  const beside = await fetchInTurn('beside', rounds, from)
  const afterBeside = await engine.ask('figures', undefined)
  say('downloads beside the crowd', afterBeside)

  let amidst: number | undefined
  let afterAmidst: EngineFigures | undefined
  if (midst !== undefined) {
    await seeder.ask('add', { metainfo: midst.metainfo, dir: source, seed: true })
    warmMemory()
    amidst = await engine.ask('fetch', { infoHash: midst.infoHash, from })
    if (sha256(join(folder, 'midst', 'payload.bin')) !== sha256(payload)) throw new Error('what was fetched is not what was shared')
    afterAmidst = await engine.ask('figures', undefined)
    say('download amidst the crowd', afterAmidst)
    await sleep(15_000)
  }
  const reports = await Promise.all(crowd.map((peers) => peers.ask('report', undefined)))
  const atEnd = await engine.ask('figures', undefined)
  say('end', atEnd)
  // A part of the crowd goes at once, as when a network breaks; the rest is told goodbye.
  await crowd[0]!.ask('close', undefined)
  await sleep(5_000)
  const afterLeaving = await engine.ask('figures', undefined)
  say('a part of the crowd has left', afterLeaving)
  const closeSeconds = await engine.ask('close', undefined)
  const afterClose = await engine.ask('figures', undefined)
  say(`closed in ${closeSeconds.toFixed(2)} s`, afterClose)

  const aloneSeconds = median(before)
  const besideRatio = aloneSeconds / median(beside)
  const amidstRatio = amidst === undefined ? undefined : aloneSeconds / amidst
  console.error(
    `download: ${rate(aloneSeconds)} alone, ${rate(median(beside))} beside the crowd (${besideRatio.toFixed(2)})` +
      (amidst === undefined ? '' : `, ${rate(amidst)} amidst it (${amidstRatio?.toFixed(2)})`),
  )
  console.error(`crowd: ${JSON.stringify(reports)}`)
  const phases = {
    afterConnect,
    afterIdle,
    afterBeside,
    ...(afterAmidst === undefined ? {} : { afterAmidst }),
    atEnd,
    afterLeaving,
    afterClose,
  }
  console.log(
    JSON.stringify({
      bench: 'idle-connections',
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim(),
      machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      connections,
      torrents: torrentCount,
      minutes: Number(values.minutes),
      bytes,
      open,
      stillOpen: reports.reduce((sum, report: CrowdReport) => sum + report.open, 0),
      connectsPerSecond: open / connectSeconds,
      worstLagP99Ms: Math.max(...[afterConnect, afterIdle, afterBeside, afterAmidst].map((figures) => figures?.lagMs.p99 ?? 0)),
      mostRssMiB: Math.max(...[afterConnect, afterIdle, afterBeside, afterAmidst, atEnd].map((figures) => figures?.rssMiB ?? 0)),
      aloneSeconds: before,
      besideSeconds: beside,
      amidstSeconds: amidst,
      besideRatio,
      amidstRatio,
      closeSeconds,
      atStart,
      ...phases,
      crowd: reports,
    }),
  )
}

/** Downloads of the same bytes as torrents of their own, one after another. @returns the seconds of each */
async function fetchInTurn(name: string, count: number, from: Endpoint): Promise<number[]> {
  const seconds: number[] = []
  for (let round = 0; round < count; round++) {
    const made = await createTorrent(join(folder, 'source', 'payload.bin'), { source: `${name}-${round}`, pieceLength: pieceLength() })
    const dir = join(folder, name)
    await seeder.ask('add', { metainfo: made.bytes, dir: made.root, seed: true })
    const infoHash = await engine.ask('add', { metainfo: made.bytes, dir, seed: false })
    warmMemory()
    seconds.push(await engine.ask('fetch', { infoHash, from }))
    await engine.ask('remove', { infoHash })
    await seeder.ask('remove', { infoHash })
    rmSync(dir, { recursive: true })
  }
  return seconds
}

/** One torrent that nobody seeds yet. */
async function torrentToFetch(): Promise<[CrowdTorrent[], { metainfo: Uint8Array; infoHash: string }]> {
  const made = await createTorrent(join(folder, 'source', 'payload.bin'), { source: 'midst', pieceLength: pieceLength() })
  const infoHash = await engine.ask('add', { metainfo: made.bytes, dir: join(folder, 'midst'), seed: false })
  return [[{ infoHash: fromHex(infoHash)!, pieceCount: made.info.pieceCount }], { metainfo: made.bytes, infoHash }]
}

/** Many small torrents that the engine seeds. */
async function torrentsToSeed(): Promise<CrowdTorrent[]> {
  const torrents: CrowdTorrent[] = []
  for (let index = 0; index < torrentCount; index++) {
    const made = await createTorrent(join(folder, 'source', 'small.bin'), { source: `small-${index}`, pieceLength: SMALL_PIECE_LENGTH })
    const infoHash = await engine.ask('add', { metainfo: made.bytes, dir: made.root, seed: true })
    torrents.push({ infoHash: fromHex(infoHash)!, pieceCount: made.info.pieceCount })
  }
  return torrents
}

/** Touches as much memory as a download writes to: the first touch of a page costs a virtual machine more than all that is measured. */
function warmMemory(): void {
  const path = join(folder, 'warmth')
  const block = new Uint8Array(8 * MIB)
  const file = openSync(path, 'w')
  for (let left = 2 * bytes; left > 0; left -= block.length) writeSync(file, block)
  closeSync(file)
  rmSync(path)
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function pieceLength(): number {
  return Number(values['piece-length']) * 1024
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
}

function rate(seconds: number): string {
  return `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`
}

function say(phase: string, { lagMs, rssMiB, heapMiB, bufferMiB, cpuSeconds, busy, connections: count }: EngineFigures): void {
  console.error(
    `${phase}: ${count} connections · lag p99 ${lagMs.p99.toFixed(1)} max ${lagMs.max.toFixed(0)} ms · RSS ${rssMiB.toFixed(0)} MiB ` +
      `(heap ${heapMiB.toFixed(0)}, buffers ${bufferMiB.toFixed(0)}) · CPU ${cpuSeconds.toFixed(2)} s · busy ${(100 * busy).toFixed(0)} %`,
  )
}
