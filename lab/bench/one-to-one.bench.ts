import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makePayload, sha256OfFile, warmMemory } from './payload.ts'
import { MeasuredProcess } from './process-figures.ts'

/*
 * One seeder, one leecher, one tracker, each a process of its own as a person would start them: what does a file cost?
 * The same payload then goes through libtorrent (Debian's python3-libtorrent), where it is installed, in the same run:
 * absolute times differ from machine to machine, the ratio is what counts.
 *
 *     npm run bench -- one-to-one --size 1024 --piece-length 1MiB --rounds 3
 */

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1024' },
    'piece-length': { type: 'string', default: '1MiB' },
    rounds: { type: 'string', default: '1' },
    dir: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
  },
})
const bytes = Number(values.size) * 1024 * 1024
const shoal = join(import.meta.dirname, '../../packages/cli/bin/shoal.js')
const python = '/usr/bin/python3'

interface Round {
  readonly client: string
  /** From the start of the downloading process to complete and verified. */
  readonly wallSeconds: number
  readonly seederCpuSeconds: number
  readonly leecherCpuSeconds: number
  readonly seederPrivateMiB: number
  readonly leecherPrivateMiB: number
  readonly isEqual: boolean
}

const folder = mkdtempSync(join(values.dir, 'shoal-bench-'))
try {
  await main()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const source = join(folder, 'source')
  mkdirSync(source)
  const payload = join(source, 'payload.bin')
  const sha256 = makePayload(payload, bytes)
  warmMemory(join(folder, 'warm'), bytes)
  rmSync(join(folder, 'warm'))

  const hub = new MeasuredProcess(process.execPath, [shoal, 'hub', '--port', '0'])
  const tracker = /http:\/\/[^ ]+\/announce/.exec(await hub.line('READY'))?.[0]
  if (tracker === undefined) throw new Error(`the hub's READY line names no tracker: ${hub.lines.join(' | ')}`)
  const torrent = join(folder, 'payload.torrent')
  execFileSync(process.execPath, [shoal, 'create', payload, '-o', torrent, '--tracker', tracker, '--piece-length', values['piece-length']])

  const rounds: Round[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    rounds.push(await ours(torrent, source, sha256))
    if (hasLibtorrent()) rounds.push(await libtorrent(torrent, source, sha256))
  }
  hub.signal('SIGTERM')
  await hub.ended
  report(rounds)
}

async function ours(torrent: string, source: string, sha256: string): Promise<Round> {
  const target = mkdtempSync(join(folder, 'ours-'))
  const state = mkdtempSync(join(folder, 'state-'))
  const seeder = new MeasuredProcess(process.execPath, [
    shoal,
    'seed',
    torrent,
    '--dir',
    source,
    '--state',
    `${state}/seed`,
    '--skip-check',
  ])
  await seeder.line('READY')
  const startedAt = performance.now()
  const leecher = new MeasuredProcess(process.execPath, [shoal, 'get', torrent, '--dir', target, '--state', `${state}/get`])
  await leecher.line('DONE')
  const wallSeconds = (performance.now() - startedAt) / 1000
  leecher.sample()
  seeder.sample()
  await leecher.ended
  seeder.signal('SIGTERM')
  await seeder.ended
  return finish('shoal', wallSeconds, seeder, leecher, target, sha256)
}

async function libtorrent(torrent: string, source: string, sha256: string): Promise<Round> {
  const target = mkdtempSync(join(folder, 'libtorrent-'))
  const script = join(import.meta.dirname, 'libtorrent-peer.py')
  const seeder = new MeasuredProcess(python, ['-u', script, 'seed', torrent, source])
  const port = (await seeder.line('READY')).split(' ')[1]!
  const startedAt = performance.now()
  const leecher = new MeasuredProcess(python, ['-u', script, 'get', torrent, target, port])
  await leecher.line('DONE')
  const wallSeconds = (performance.now() - startedAt) / 1000
  leecher.sample()
  seeder.sample()
  leecher.signal('SIGTERM')
  seeder.signal('SIGTERM')
  await Promise.all([leecher.ended, seeder.ended])
  return finish('libtorrent', wallSeconds, seeder, leecher, target, sha256)
}

async function finish(
  client: string,
  wallSeconds: number,
  seeder: MeasuredProcess,
  leecher: MeasuredProcess,
  target: string,
  sha256: string,
): Promise<Round> {
  const isEqual = (await sha256OfFile(join(target, 'payload.bin'))) === sha256
  rmSync(target, { recursive: true })
  return {
    client,
    wallSeconds,
    seederCpuSeconds: seeder.figures.cpuSeconds,
    leecherCpuSeconds: leecher.figures.cpuSeconds,
    seederPrivateMiB: seeder.figures.peakPrivateMiB,
    leecherPrivateMiB: leecher.figures.peakPrivateMiB,
    isEqual,
  }
}

function hasLibtorrent(): boolean {
  try {
    execFileSync(python, ['-c', 'import libtorrent'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function report(rounds: readonly Round[]): void {
  const medians = new Map<string, number>()
  for (const client of new Set(rounds.map((round) => round.client))) {
    const mine = rounds.filter((round) => round.client === client)
    const median = (pick: (round: Round) => number): number => mine.map(pick).sort((a, b) => a - b)[mine.length >> 1]!
    medians.set(
      client,
      median((round) => round.wallSeconds),
    )
    console.error(
      `${client.padEnd(11)} wall ${median((r) => r.wallSeconds).toFixed(2)} s · CPU ${median((r) => r.seederCpuSeconds).toFixed(2)} + ` +
        `${median((r) => r.leecherCpuSeconds).toFixed(2)} s · private ${median((r) => r.seederPrivateMiB).toFixed(0)} / ` +
        `${median((r) => r.leecherPrivateMiB).toFixed(0)} MiB · ${mine.every((r) => r.isEqual) ? 'SHA-256 equal' : 'NOT EQUAL'}`,
    )
  }
  const [ours, theirs] = [medians.get('shoal'), medians.get('libtorrent')]
  const ratio = ours !== undefined && theirs !== undefined ? ours / theirs : undefined
  if (ratio !== undefined) console.error(`ratio to libtorrent: wall ${ratio.toFixed(2)}`)
  console.log(
    JSON.stringify({
      bench: 'one-to-one',
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim(),
      machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      bytes,
      pieceLength: values['piece-length'],
      wallRatio: ratio,
      rounds,
    }),
  )
  if (!rounds.every((round) => round.isEqual)) process.exitCode = 1
}
