import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createSession, type Session } from '@shoal/engine'
import { encodeBencode } from '@shoal/protocol/bencode'
import { daemonFiles } from '../../src/daemon-http/daemon-files.ts'
import { startDaemonProcess, stopDaemonProcess } from '../../src/daemon-http/daemon-process.ts'
import { isAlive, type RunningDaemon } from '../../src/daemon-http/running-daemon.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'shoal.js')
const PIECE_BYTES = 65_536
const WHOLE_BYTES = 8 << 20
const WHOLE = 10
const COMING = 10

export interface CrashOptions {
  /** Of each torrent that is coming. */
  readonly bytes: number
  /** Of all that are coming together. */
  readonly bytesPerSecond: number
}

/** What is known of a torrent, from when the daemon said it last. */
interface Known {
  readonly name: string
  readonly metainfo: string
  readonly data: Uint8Array
  readonly isWhole: boolean
  haveBytes: number
  /** Acknowledged; the last one may have been on its way when the daemon died. */
  labels: readonly string[]
  unheard: readonly string[]
}

/**
 * A daemon that is killed again and again, with ten torrents that it has whole and ten that are coming. What it acknowledged has
 * to be there when it is back (torrents, labels, pieces), and of what was whole nothing is hashed again.
 */
export class CrashedDaemon {
  readonly readyMs: number[] = []
  labelsKept = 0
  readonly #folder: string
  readonly #seeder: Session
  readonly #torrents: ReadonlyMap<string, Known>

  static async open({ bytes, bytesPerSecond }: CrashOptions): Promise<CrashedDaemon> {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-crash-'))
    for (const name of ['whole', 'coming', 'seeded']) mkdirSync(join(folder, name))
    const seeder = await createSession({ stateDir: join(folder, 'seeder'), listenPort: 0, host: '127.0.0.1' })
    seeder.setUploadRate(bytesPerSecond)
    const torrents = new Map<string, Known>()
    for (let at = 0; at < WHOLE + COMING; at++) {
      const isWhole = at < WHOLE
      const name = `file-${at}`
      const data = randomBytes(isWhole ? WHOLE_BYTES : bytes)
      const { id, metainfo } = torrentOf(name, data)
      writeFileSync(join(folder, isWhole ? 'whole' : 'seeded', name), data)
      if (!isWhole) seeder.add({ metainfo, dir: join(folder, 'seeded'), skipCheck: true, uploadOnly: true })
      const base64 = Buffer.from(metainfo).toString('base64')
      torrents.set(id, { name, metainfo: base64, data, isWhole, haveBytes: 0, labels: [], unheard: [] })
    }
    return new CrashedDaemon(folder, seeder, torrents)
  }

  private constructor(folder: string, seeder: Session, torrents: ReadonlyMap<string, Known>) {
    this.#folder = folder
    this.#seeder = seeder
    this.#torrents = torrents
  }

  /** Adds everything, and waits until what is whole is known to be. */
  async fill(): Promise<void> {
    const { client } = await this.#start()
    await client.changeSettings({ maxActiveDownloads: 100, notify: false })
    for (const { metainfo, isWhole } of this.#torrents.values())
      await client.add({ metainfo, dir: join(this.#folder, isWhole ? 'whole' : 'coming') })
    for (;;) {
      const items = await client.torrents()
      if (items.every(({ id, status }) => !this.#known(id).isWhole || status === 'seeding')) break
      await pause(20)
    }
    for (const known of this.#torrents.values()) if (known.isWhole) known.haveBytes = known.data.length
    await stopDaemonProcess(this.#files)
  }

  /** Starts it, looks for everything, lets it download and change, and kills it after `ms`. */
  async round(number: number, ms: number): Promise<void> {
    const startedAt = performance.now()
    const running = await this.#start()
    this.readyMs.push(performance.now() - startedAt)
    await this.#expectAll(running)
    let isOver = false
    const changing = this.#change(running, number, () => isOver)
    const looking = this.#look(running, () => isOver)
    await pause(ms)
    process.kill(running.facts.pid, 'SIGKILL')
    isOver = true
    await Promise.all([changing, looking])
    while (isAlive(running.facts.pid)) await pause(5)
  }

  /** Lets everything come, without a limit, and compares it. */
  async finish(): Promise<void> {
    const running = await this.#start()
    await this.#expectAll(running)
    this.#seeder.setUploadRate(Number.POSITIVE_INFINITY)
    while (!(await running.client.torrents()).every(({ size, haveBytes }) => haveBytes === size)) await pause(50)
    await stopDaemonProcess(this.#files)
    for (const { name, data, isWhole } of this.#torrents.values()) {
      const path = join(this.#folder, isWhole ? 'whole' : 'coming', name)
      assert.ok(readFileSync(path).equals(data), `${name} is not what it was`)
    }
  }

  /** Bytes that had come, and were there, when it was last asked. */
  get cameBytes(): number {
    return [...this.#torrents.values()].reduce((sum, { isWhole, haveBytes }) => sum + (isWhole ? 0 : haveBytes), 0)
  }

  async close(): Promise<void> {
    await stopDaemonProcess(this.#files)
    await this.#seeder.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #files() {
    return daemonFiles(join(this.#folder, 'home'))
  }

  #start(): Promise<RunningDaemon> {
    const program = [BIN, 'daemon', 'start', '--foreground', '--detached', '--json', '--port', '0', '--peer-port', '0']
    return startDaemonProcess({ files: this.#files, program, environment: { ...process.env, SHOAL_HOME: join(this.#folder, 'home') } })
  }

  #known(id: string): Known {
    const known = this.#torrents.get(id)
    assert.ok(known !== undefined, `${id} was never added`)
    return known
  }

  async #expectAll({ client, facts }: RunningDaemon): Promise<void> {
    const items = await client.torrents()
    assert.deepEqual(items.map(({ id }) => id).toSorted(), [...this.#torrents.keys()].toSorted())
    for (const { id, labels, status, error } of items) {
      const known = this.#known(id)
      const last = labels.join()
      assert.ok(
        last === known.labels.join() || last === known.unheard.join(),
        `${known.name} has ${last}, and was told ${known.labels.join()}`,
      )
      known.labels = labels
      assert.notEqual(status, 'failed', error?.detail)
    }
    // what each is known to have is told when it is open
    for (let waiting = items.map(({ id }) => id); waiting.length > 0; ) {
      for (const { id, status, haveBytes } of await client.torrents()) {
        if (!waiting.includes(id)) continue
        const known = this.#known(id)
        if (haveBytes >= known.haveBytes) waiting = waiting.filter((each) => each !== id)
        else if (status === 'downloading') assert.fail(`${known.name} has ${haveBytes} bytes, and had ${known.haveBytes}`)
      }
      if (waiting.length > 0) await pause(10)
    }
    assert.ok(bytesReadBy(facts.pid) < (WHOLE * WHOLE_BYTES) / 2, 'what was whole is hashed again')
    const peers = [`127.0.0.1:${this.#seeder.listenPort}`]
    for (const { metainfo, isWhole } of this.#torrents.values()) if (!isWhole) await client.add({ metainfo, peers })
  }

  /** Labels, one torrent after the other. */
  async #change({ client }: RunningDaemon, round: number, isOver: () => boolean): Promise<void> {
    const ids = [...this.#torrents.keys()]
    for (let change = 0; !isOver(); change++) {
      const id = ids[change % ids.length] ?? ''
      const known = this.#known(id)
      known.unheard = [`round-${round}`, `change-${change}`]
      try {
        const { labels } = await client.change(id, { labels: [...known.unheard] })
        known.labels = labels
        this.labelsKept++
      } catch {
        return // killed
      }
      await pause(5)
    }
  }

  async #look({ client }: RunningDaemon, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      try {
        for (const { id, haveBytes } of await client.torrents()) this.#known(id).haveBytes = Math.max(this.#known(id).haveBytes, haveBytes)
      } catch {
        return // killed
      }
      await pause(20)
    }
  }
}

/** From files and sockets, since it began: with its own sources some ten MiB. 0 where there is no Linux to tell. */
function bytesReadBy(pid: number): number {
  try {
    return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** A torrent of one file, without trackers. */
export function torrentOf(name: string, data: Uint8Array): { readonly id: string; readonly metainfo: Uint8Array } {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < data.length; at += PIECE_BYTES)
    hashes.push(
      createHash('sha1')
        .update(data.subarray(at, at + PIECE_BYTES))
        .digest(),
    )
  const info = new Map<string, string | number | Uint8Array>([
    ['length', data.length],
    ['name', name],
    ['piece length', PIECE_BYTES],
    ['pieces', Buffer.concat(hashes)],
  ])
  const id = createHash('sha1').update(encodeBencode(info)).digest('hex')
  return { id, metainfo: encodeBencode(new Map([['info', info]])) }
}
