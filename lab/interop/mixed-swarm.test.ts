import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startAria2 } from './aria2.ts'
import { EnginePeer } from './engine-peer.ts'
import { THIS_HOST } from './host.ts'
import { startLibtorrent } from './libtorrent.ts'
import { needs } from './requirement.ts'
import { assertIsPayload, Scene } from './scene.ts'
import { createWithShoal, HubUnderTest, seedWithShoal } from './shoal.ts'

const host = THIS_HOST
const MB = 1_000_000

describe('a swarm of several makes', { skip: needs('libtorrent'), concurrency: 2 }, () => {
  const stage = new Scene()
  let hub: HubUnderTest
  before(async () => {
    hub = await HubUnderTest.start(stage, host)
  })
  after(() => stage.close())

  test('we download from a libtorrent and an aria2 at the same time', { skip: needs('aria2c') }, async (t) => {
    const scene = Scene.of(t)
    const torrent = await createWithShoal(scene, { host, tracker: hub.url('http'), source: t.name })
    // Slow enough that the one which takes its time to begin has something left to do.
    startLibtorrent(scene, { host, what: torrent.file, dir: torrent.dataDir, uploadRate: 2 * MB })
    startAria2(scene, { host, what: torrent.file, dir: scene.payloadDir('data of aria2'), uploadRate: 2 * MB })
    await hub.whenSeen(torrent.infoHash, 'two seeds', ({ complete }) => complete === 2)
    const dir = scene.dir('got')
    const from = await new EnginePeer(scene, { host, what: torrent.file, dir }).bytesByClient()
    t.diagnostic(JSON.stringify(from))
    for (const name of [/^libtorrent\/\d/, /^aria2\/\d/]) {
      assert.ok(
        Object.entries(from).some(([client, bytes]) => name.test(client) && bytes > 0),
        `nothing came from ${String(name)}`,
      )
    }
    assertIsPayload(dir)
  })

  test('two of us and a libtorrent share what one slow seed of ours gives', async (t) => {
    const scene = Scene.of(t)
    const torrent = await createWithShoal(scene, { host, tracker: hub.url('udp'), source: t.name })
    await seedWithShoal(scene, { host, torrent, extra: ['--upload-limit', '3MB'] })
    const dirs = [scene.dir('one'), scene.dir('two'), scene.dir('three')] as const
    const ours = [dirs[0], dirs[1]].map((dir) => new EnginePeer(scene, { host, what: torrent.magnet, dir }))
    const theirs = startLibtorrent(scene, { host, what: torrent.file, dir: dirs[2] })
    const reports = await Promise.all(ours.map((peer) => peer.bytesByClient()))
    t.diagnostic(JSON.stringify(reports))
    await theirs.line(/^DONE/)
    await hub.whenSeen(torrent.infoHash, 'that three completed it', ({ complete, downloaded }) => complete === 4 && downloaded === 3)
    const sent = reports.flatMap((report) => Object.entries(report)).filter(([client]) => client.startsWith('libtorrent/'))
    assert.ok(
      sent.some(([, bytes]) => bytes > 0),
      'libtorrent gave us something while it was a leecher itself',
    )
    for (const dir of dirs) assertIsPayload(dir)
  })
})
