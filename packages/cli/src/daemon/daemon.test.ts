import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { NewCreation, TorrentItem } from '@shoal/api/daemon-api'
import { type ProblemCode, ProblemError } from '@shoal/api/problem'
import { createSession } from '@shoal/engine'
import { Daemon, type DaemonWorld } from './daemon.ts'
import { type DaemonSystem, REAL_DAEMON_SYSTEM } from './daemon-system.ts'

const refusedAs = (code: ProblemCode) => (error: unknown) => error instanceof ProblemError && error.code === code

/** Time that passes when the test says so. */
class HandClock {
  #now = 0
  readonly #regular: { readonly intervalMs: number; readonly callback: () => void }[] = []
  readonly system: DaemonSystem = {
    ...REAL_DAEMON_SYSTEM,
    now: () => this.#now,
    every: (intervalMs, callback) => {
      this.#regular.push({ intervalMs, callback })
      return { cancel: () => {} }
    },
  }

  pass(elapsedMs: number): void {
    this.#now += elapsedMs
    for (const { intervalMs, callback } of this.#regular) if (intervalMs <= elapsedMs) callback()
  }
}

describe('a daemon', () => {
  let home: string
  let running: Daemon[]

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'shoal-daemon-'))
    running = []
  })
  afterEach(async () => {
    await Promise.all(running.map((daemon) => daemon.stop()))
    rmSync(home, { recursive: true, force: true })
  })

  async function start(name: string, world: Partial<DaemonWorld> = {}): Promise<Daemon> {
    const daemon = await Daemon.start({
      folder: join(home, name, 'peer'),
      downloadDir: join(home, name, 'downloads'),
      version: 'test',
      world: { openSession: ({ stateDir }) => createSession({ stateDir, listenPort: 0, host: '127.0.0.1' }), ...world },
    })
    running.push(daemon)
    return daemon
  }

  async function stop(daemon: Daemon): Promise<void> {
    running.splice(running.indexOf(daemon), 1)
    await daemon.stop()
  }

  /** @returns the id of the torrent, when it has been made */
  async function madeTorrent(daemon: Daemon, what: NewCreation): Promise<string> {
    const { id } = await daemon.desk.startCreation(what)
    return await new Promise<string>((resolve, reject) => {
      const look = async (): Promise<void> => {
        const { status, torrentId, error } = await daemon.desk.showCreation(id)
        if (status === 'failed') reject(new Error(error?.detail))
        if (status === 'done') resolve(torrentId!)
      }
      daemon.subscribe((event) => void (event.type === 'creation' && look()))
      void look()
    })
  }

  /** A file of some pieces, and the id of its torrent in the daemon that shares it. */
  async function share(daemon: Daemon, name = 'lecture.bin'): Promise<{ id: string; path: string }> {
    const path = join(home, 'content', name)
    mkdirSync(join(home, 'content'), { recursive: true })
    writeFileSync(path, Buffer.alloc(300_000, name))
    const torrentId = await madeTorrent(daemon, { path, pieceLength: 16_384 })
    await until(daemon, torrentId, ({ status }) => status === 'seeding' || status === 'queued')
    return { id: torrentId, path }
  }

  async function addressOf(daemon: Daemon): Promise<string> {
    return `127.0.0.1:${(await daemon.desk.showFacts()).peerPort}`
  }

  async function metainfoOf(daemon: Daemon, id: string): Promise<string> {
    return Buffer.from(await daemon.desk.readMetainfo(id)).toString('base64')
  }

  /** Resolves when the torrent is as it should be. */
  function until(daemon: Daemon, id: string, isSo: (item: TorrentItem) => boolean): Promise<TorrentItem> {
    return new Promise((resolve, reject) => {
      const off = daemon.subscribe((event) => {
        const item = event.type === 'torrents' ? event.changed.find((each) => each.id === id) : undefined
        if (item !== undefined) look(item)
      })
      const look = (item: TorrentItem): void => {
        if (!isSo(item)) return
        off()
        resolve(item)
      }
      daemon.desk.showTorrent(id).then(look, reject)
    })
  }

  test('makes a torrent, shares it, and another one fetches it', async () => {
    const [maker, taker] = await Promise.all([start('maker'), start('taker')])
    const { id, path } = await share(maker)
    const { torrent, isNew } = await taker.desk.addTorrent({ metainfo: await metainfoOf(maker, id), peers: [await addressOf(maker)] })
    assert.ok(isNew)
    assert.equal(torrent.id, id)
    const done = await until(taker, id, ({ status }) => status === 'seeding')
    assert.equal(done.haveBytes, 300_000)
    assert.ok(done.completedAt !== null)
    assert.deepEqual(readFileSync(join(home, 'taker', 'downloads', 'lecture.bin')), readFileSync(path))
    const files = await taker.desk.listTorrentFiles(id)
    assert.deepEqual(
      files.map(({ path: parts, haveBytes, priority }) => ({ parts, haveBytes, priority })),
      [{ parts: ['lecture.bin'], haveBytes: 300_000, priority: 4 }],
    )
  })

  test('fetches by a magnet link, and keeps the metadata', async () => {
    const [maker, taker] = await Promise.all([start('maker'), start('taker')])
    const { id } = await share(maker)
    const { torrent } = await taker.desk.addTorrent({ link: id, peers: [await addressOf(maker)] })
    assert.equal(torrent.size, 0)
    await until(taker, id, ({ status }) => status === 'seeding')
    await stop(taker)
    const again = await start('taker')
    const item = await until(again, id, ({ status }) => status === 'seeding')
    assert.equal(item.name, 'lecture.bin')
    assert.equal(item.size, 300_000)
  })

  test('has everything back after a restart, without hashing again', async () => {
    const first = await start('peer')
    const [a, b] = [await share(first, 'a'), await share(first, 'b')]
    await first.desk.actOnTorrent(b.id, 'pause')
    await first.desk.changeTorrent(b.id, { name: 'second', labels: ['x'], uploadLimit: 1_000 })
    await first.desk.changeSettings({ maxActiveSeeds: 3 })
    const before = (await first.desk.listTorrents()).map(({ id, name, status }) => ({ id, name, status }))
    await stop(first)

    const again = await start('peer')
    await until(again, a.id, ({ status }) => status === 'seeding')
    assert.deepEqual(await again.desk.readLog(a.id), [])
    const after = await again.desk.listTorrents()
    assert.deepEqual(
      after.map(({ id, name, status }) => ({ id, name, status })).sort((x, y) => x.name.localeCompare(y.name)),
      before.sort((x, y) => x.name.localeCompare(y.name)),
    )
    const second = await again.desk.showTorrent(b.id)
    assert.deepEqual([second.status, second.labels, second.uploadLimit, second.haveBytes], ['paused', ['x'], 1_000, 300_000])
    assert.equal((await again.desk.readSettings()).maxActiveSeeds, 3)
  })

  test('hashes again what somebody wrote to while it was away', async () => {
    const first = await start('peer')
    const { id, path } = await share(first)
    await stop(first)
    const bytes = readFileSync(path)
    bytes[0] = bytes[0]! ^ 1
    writeFileSync(path, bytes)
    utimesSync(path, new Date(), new Date(Date.now() + 60_000))
    const again = await start('peer')
    const item = await until(again, id, ({ status }) => status === 'downloading')
    assert.equal(item.haveBytes, 300_000 - 16_384)
  })

  test('pauses, resumes and removes; the data stays', async () => {
    const daemon = await start('peer')
    const { id, path } = await share(daemon)
    await until(daemon, id, ({ status }) => status === 'seeding')
    assert.equal((await daemon.desk.actOnTorrent(id, 'pause')).status, 'paused')
    await daemon.desk.actOnTorrent(id, 'resume')
    await until(daemon, id, ({ status }) => status === 'seeding')
    assert.deepEqual(await daemon.desk.removeTorrent(id, {}), { id, name: 'lecture.bin', downloaded: 0, uploaded: 0 })
    assert.equal((await daemon.desk.listTorrents()).length, 0)
    assert.equal(readFileSync(path).length, 300_000)
    await assert.rejects(daemon.desk.showTorrent(id), refusedAs('NOT_FOUND'))
  })

  test('says what a torrent that is here already has got', async () => {
    const daemon = await start('peer')
    const { id } = await share(daemon)
    const metainfo = await metainfoOf(daemon, id)
    const { isNew, notes } = await daemon.desk.addTorrent({ metainfo, trackers: ['http://127.0.0.1:9/announce'], peers: ['127.0.0.1:9'] })
    assert.equal(isNew, false)
    assert.deepEqual(notes, ["'lecture.bin' is already here", 'It has one tracker more', 'One peer more is tried'])
    assert.deepEqual(
      (await daemon.desk.listTrackers(id)).map(({ url }) => url),
      ['http://127.0.0.1:9/announce'],
    )
  })

  test('lets those wait that have no place', async () => {
    const daemon = await start('peer')
    await daemon.desk.changeSettings({ maxActiveSeeds: 1 })
    const [a, b] = [await share(daemon, 'a'), await share(daemon, 'b')]
    await until(daemon, a.id, ({ status }) => status === 'seeding')
    await until(daemon, b.id, ({ status }) => status === 'queued')
    await daemon.desk.changeTorrent(b.id, { queuePosition: 1 })
    await until(daemon, b.id, ({ status, queuePosition }) => status === 'seeding' && queuePosition === 1)
    await until(daemon, a.id, ({ status }) => status === 'queued')
    await daemon.desk.changeTorrent(a.id, { isForced: true })
    await until(daemon, a.id, ({ status }) => status === 'seeding')
  })

  test('stops sharing when a goal is reached, and goes on when somebody wants it to', async () => {
    const clock = new HandClock()
    const daemon = await start('peer', { system: clock.system })
    const { id } = await share(daemon)
    await daemon.desk.changeTorrent(id, { goals: { ratio: null, seedMinutes: 2, idleMinutes: null, action: 'pause' } })
    clock.pass(60_000)
    assert.equal((await daemon.desk.showTorrent(id)).status, 'seeding')
    clock.pass(60_000)
    const paused = await until(daemon, id, ({ status }) => status === 'paused')
    assert.equal(paused.haveBytes, 300_000)
    assert.match((await daemon.desk.readLog(id)).map(({ text }) => text).join(), /shared for 2 minutes/)
    assert.equal((await daemon.desk.showTorrent(id)).seedingMs, 120_000)

    await daemon.desk.actOnTorrent(id, 'resume')
    await until(daemon, id, ({ status }) => status === 'seeding')
    clock.pass(600_000)
    assert.equal((await daemon.desk.showTorrent(id)).status, 'seeding')
  })

  test('does not let a seed that nobody wants take the place of another', async () => {
    const clock = new HandClock()
    const daemon = await start('peer', { system: clock.system })
    await daemon.desk.changeSettings({ maxActiveSeeds: 1 })
    const [a, b] = [await share(daemon, 'a'), await share(daemon, 'b')]
    await until(daemon, b.id, ({ status }) => status === 'queued')
    clock.pass(60_000)
    await until(daemon, b.id, ({ status }) => status === 'seeding')
    assert.equal((await daemon.desk.showTorrent(a.id)).status, 'seeding')
  })

  test('is as fast as the hour of the week allows', async () => {
    const clock = new HandClock()
    let minute = 8 * 60
    const daemon = await start('peer', { system: clock.system, localTime: () => ({ day: 0, minute }) })
    const schedule = [{ days: [0], from: '09:00', to: '17:00', downloadLimit: 1_000_000, uploadLimit: 50_000 }]
    await daemon.desk.changeSettings({ uploadLimit: 900_000, schedule })
    const limits = async () => {
      const { downloadLimit, uploadLimit } = await daemon.desk.showFacts()
      return [downloadLimit, uploadLimit]
    }
    assert.deepEqual(await limits(), [null, 900_000])
    minute = 9 * 60
    assert.deepEqual(await limits(), [1_000_000, 50_000])
  })

  for (const isPaused of [false, true]) {
    test(`moves a torrent that ${isPaused ? 'rests' : 'runs'}, and it is there after a restart`, async () => {
      const daemon = await start('peer')
      const { id, path } = await share(daemon)
      if (isPaused) await daemon.desk.actOnTorrent(id, 'pause')
      const dir = join(home, 'elsewhere', 'deep')
      await daemon.desk.moveTorrent(id, { dir })
      const rests = isPaused ? 'paused' : 'seeding'
      await until(daemon, id, (item) => item.dir === dir && item.status === rests)
      assert.ok(!existsSync(path))
      assert.equal(readFileSync(join(dir, 'lecture.bin')).length, 300_000)
      await stop(daemon)
      const again = await start('peer')
      const item = await until(again, id, ({ status }) => status === rests)
      assert.deepEqual([item.dir, item.haveBytes], [dir, 300_000])
      assert.deepEqual(await again.desk.readLog(id), [])
    })

    test(`checks a torrent again that ${isPaused ? 'rests' : 'runs'}`, async () => {
      const daemon = await start('peer')
      const { id, path } = await share(daemon)
      if (isPaused) await daemon.desk.actOnTorrent(id, 'pause')
      const bytes = readFileSync(path)
      bytes[20_000] = bytes[20_000]! ^ 1
      writeFileSync(path, bytes)
      await daemon.desk.actOnTorrent(id, 'recheck')
      const rests = isPaused ? 'paused' : 'downloading'
      const item = await until(daemon, id, ({ status, haveBytes }) => status === rests && haveBytes < 300_000)
      assert.equal(item.haveBytes, 300_000 - 16_384)
    })
  }

  test('removes the data into a folder beside it, and deletes it some days later', async () => {
    const clock = new HandClock()
    let wallClock = 1_800_000_000_000
    const daemon = await start('peer', { system: { ...clock.system, wallClock: () => wallClock } })
    const { id, path } = await share(daemon)
    writeFileSync(join(home, 'content', 'not ours'), 'stays')
    await daemon.desk.removeTorrent(id, { data: 'recycle' })
    assert.equal((await daemon.desk.listTorrents()).length, 0)
    assert.ok(!existsSync(path))
    const bin = join(home, 'content', '.shoal-recycled')
    const [folder = ''] = readdirSync(bin)
    assert.equal(readFileSync(join(bin, folder, 'lecture.bin')).length, 300_000)
    wallClock += 8 * 86_400_000
    clock.pass(60_000)
    await daemon.stop()
    assert.deepEqual(readdirSync(join(home, 'content')), ['not ours'])
  })

  test('does not fetch everything again because a disk is not there', async () => {
    const first = await start('peer')
    const { id, path } = await share(first)
    await stop(first)
    renameSync(path, `${path}.unplugged`)
    const again = await start('peer')
    const failed = await until(again, id, ({ status }) => status === 'failed')
    assert.equal(failed.error?.code, 'FILE_MISSING')
    assert.equal(failed.haveBytes, 300_000)
    renameSync(`${path}.unplugged`, path)
    await again.desk.actOnTorrent(id, 'resume')
    await until(again, id, ({ status }) => status === 'seeding')
  })

  test('makes torrents as they are wanted: hybrid, under another name, without what was excluded', async () => {
    const daemon = await start('peer')
    const path = join(home, 'content', 'folder')
    mkdirSync(path, { recursive: true })
    for (const name of ['a.txt', 'b.tmp']) writeFileSync(join(path, name), name)
    const made = (what: object) => madeTorrent(daemon, { path, ...what })
    const id = await made({ isHybrid: true, name: 'lesson', exclude: ['*.tmp'] })
    const item = await until(daemon, id, ({ status }) => status === 'seeding')
    assert.equal(item.name, 'lesson')
    assert.deepEqual(
      (await daemon.desk.listTorrentFiles(id)).map((file) => file.path),
      [['lesson', 'a.txt']],
    )
    assert.equal(await made({ isHybrid: true, name: 'lesson', exclude: ['*.tmp'] }), id)
    const other = await made({ share: false, comment: 'kept for later' })
    const kept = await daemon.desk.showTorrent(other)
    assert.deepEqual([kept.status, kept.comment], ['paused', 'kept for later'])
  })

  test('refuses what it cannot use, in words', async () => {
    const daemon = await start('peer')
    await assert.rejects(daemon.desk.addTorrent({}), refusedAs('VALIDATION'))
    await assert.rejects(daemon.desk.addTorrent({ link: 'lecture' }), refusedAs('VALIDATION'))
    await assert.rejects(daemon.desk.addTorrent({ link: 'magnet:?xt=urn:btih:12' }), refusedAs('TORRENT_INVALID'))
    await assert.rejects(daemon.desk.addTorrent({ metainfo: 'AAAA' }), refusedAs('TORRENT_INVALID'))
    const { id } = await share(daemon)
    await assert.rejects(daemon.desk.changeTorrent(id, { trackers: [['ftp://x']] }), refusedAs('VALIDATION'))
    await assert.rejects(daemon.desk.changeTorrent(id, { priorities: [{ index: 0, priority: 0 }] }), refusedAs('VALIDATION'))
    await assert.rejects(daemon.desk.changeTorrent(id, { priorities: [{ index: 7, priority: 1 }] }), refusedAs('VALIDATION'))
    await assert.rejects(daemon.desk.changeSettings({ peerName: '-' }), refusedAs('VALIDATION'))
  })
})
