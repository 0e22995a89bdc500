import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { daemonFiles } from '../../packages/cli/src/daemon-http/daemon-files.ts'
import { startDaemonProcess, stopDaemonProcess } from '../../packages/cli/src/daemon-http/daemon-process.ts'
import { encodeBencode } from '../../packages/protocol/src/bencode.ts'
import { ProcessMeter } from './process-meter.ts'
import { spreadOf } from './statistics.ts'

/*
 * A daemon with very many torrents: how soon it is ready, what it takes, how fast it lists them, what it does while nothing happens.
 * Each has one file of one piece that is here, and announces to a hub on this machine.
 *
 *     npm run bench -- daemon --torrents 2000 --settle 45 --idle 20
 */

const { values } = parseArgs({
  options: {
    torrents: { type: 'string', default: '2000' },
    settle: { type: 'string', default: '45' },
    idle: { type: 'string', default: '20' },
  },
})
const torrents = Number(values.torrents)
const idleSeconds = Number(values.idle)
/** What starting has left to do is done by then. */
const settleSeconds = Number(values.settle)
const BIN = join(import.meta.dirname, '../../packages/cli/bin/shoal.js')
const PIECE_BYTES = 16_384

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'shoal-daemon-'))
const environment = { ...process.env, SHOAL_HOME: join(folder, 'home') }
const files = daemonFiles(environment.SHOAL_HOME)
const program = [BIN, 'daemon', 'start', '--foreground', '--detached', '--json', '--port', '0', '--peer-port', '0']
const start = () => startDaemonProcess({ files, program, environment })
const hub = spawn(process.execPath, [BIN, 'hub', '--port', '0', '--json'], { env: environment, stdio: ['ignore', 'pipe', 'ignore'] })

try {
  const announce = await announceUrl()
  const data = join(folder, 'data')
  mkdirSync(data)
  const added = await start()
  const addingSince = performance.now()
  for (let at = 0; at < torrents; at++) {
    const metainfo = Buffer.from(makeTorrent(data, `file-${at}`, announce)).toString('base64')
    await added.client.add({ metainfo, dir: data, skipCheck: true })
  }
  const addMs = (performance.now() - addingSince) / torrents
  await allSeeding(added.client)
  await stopDaemonProcess(files)

  const startedAt = performance.now()
  const { client, facts } = await start()
  const readyMs = performance.now() - startedAt
  const listed = (await client.torrents()).length
  const seedingMs = await allSeeding(client).then(() => performance.now() - startedAt)
  const meter = new ProcessMeter(facts.pid)
  const listMs: number[] = []
  for (let turn = 0; turn < 20; turn++) {
    const at = performance.now()
    await fetch(`${client.url}/v1/torrents`, { headers: { authorization: `Bearer ${client.token}` } }).then((answer) =>
      answer.arrayBuffer(),
    )
    listMs.push(performance.now() - at)
  }
  await pause(settleSeconds * 1_000)
  const before = meter.cpuSeconds()
  await pause(idleSeconds * 1_000)
  const idlePercent = ((meter.cpuSeconds() - before) / idleSeconds) * 100
  const memoryMiB = meter.peakMiB()
  meter.stop()
  const stoppingSince = performance.now()
  await stopDaemonProcess(files)
  console.log(
    JSON.stringify({
      case: 'daemon',
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      cpus: cpus().length,
      torrents: listed,
      addMs: rounded(addMs),
      readyMs: rounded(readyMs),
      allSeedingMs: rounded(seedingMs),
      listMs: rounded(spreadOf(listMs).median),
      memoryMiB: rounded(memoryMiB),
      idlePercent: rounded(idlePercent),
      stopMs: rounded(performance.now() - stoppingSince),
    }),
  )
} finally {
  await stopDaemonProcess(files)
  hub.kill()
  if (hub.exitCode === null) await once(hub, 'exit')
  rmSync(folder, { recursive: true, force: true })
}

async function announceUrl(): Promise<string> {
  for await (const line of createInterface(hub.stdout)) {
    const { event, announce } = JSON.parse(line) as { event: string; announce?: string }
    if (event === 'ready' && announce !== undefined) return announce
  }
  throw new Error('The hub ended before it was ready')
}

function makeTorrent(dir: string, name: string, announce: string): Uint8Array {
  const bytes = Buffer.alloc(PIECE_BYTES, name)
  writeFileSync(join(dir, name), bytes)
  const info = new Map<string, string | number | Uint8Array>([
    ['length', PIECE_BYTES],
    ['name', name],
    ['piece length', PIECE_BYTES],
    ['pieces', createHash('sha1').update(bytes).digest()],
  ])
  return encodeBencode(
    new Map<string, string | typeof info>([
      ['announce', announce],
      ['info', info],
    ]),
  )
}

async function allSeeding(client: { torrents(): Promise<readonly { status: string }[]> }): Promise<void> {
  for (;;) {
    const items = await client.torrents()
    if (items.every(({ status }) => status === 'seeding' || status === 'finished' || status === 'queued')) return
    await pause(100)
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
