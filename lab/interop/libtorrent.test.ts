import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { THIS_HOST } from './host.ts'
import { createWithLibtorrent, startLibtorrent } from './libtorrent.ts'
import { PAYLOAD_NAME } from './payload.ts'
import { needs } from './requirement.ts'
import { assertIsPayload, Scene } from './scene.ts'
import { createWithShoal, getWithShoal, HubUnderTest, readWithShoal, seedWithShoal } from './shoal.ts'

const host = THIS_HOST

describe('libtorrent', { skip: needs('libtorrent'), concurrency: 2 }, () => {
  const stage = new Scene()
  let hub: HubUnderTest
  before(async () => {
    hub = await HubUnderTest.start(stage, host)
  })
  after(() => stage.close())

  for (const [form, scheme, encryption] of [
    ['torrent', 'http', 'off'],
    ['magnet', 'udp', 'on'],
  ] as const) {
    test(`seeds, and we get by ${form}, with the tracker over ${scheme.toUpperCase()}, encryption ${encryption}`, async (t) => {
      const scene = Scene.of(t)
      const torrent = await createWithShoal(scene, { host, tracker: hub.url(scheme), source: t.name })
      const theirs = startLibtorrent(scene, { host, what: torrent.file, dir: torrent.dataDir, encryption })
      await theirs.line(/^ANNOUNCED/)
      await hub.whenSeen(torrent.infoHash, 'their seed', ({ complete }) => complete === 1)
      const dir = scene.dir('got')
      await getWithShoal(scene, { host, what: form === 'magnet' ? torrent.magnet : torrent.file, dir })
      assertIsPayload(dir)
    })
  }

  for (const [form, scheme, encryption] of [
    ['torrent', 'udp', 'on'],
    ['magnet', 'http', 'off'],
  ] as const) {
    test(`gets by ${form} what we seed, with the tracker over ${scheme.toUpperCase()}, encryption ${encryption}`, async (t) => {
      const scene = Scene.of(t)
      const torrent = await createWithShoal(scene, { host, tracker: hub.url(scheme), source: t.name })
      await seedWithShoal(scene, { host, torrent })
      const dir = scene.dir('got')
      const theirs = startLibtorrent(scene, { host, what: form === 'magnet' ? torrent.magnet : torrent.file, dir, encryption })
      await theirs.line(/^DONE/)
      assert.match(await theirs.line(/^PEERS/), /"Shoal 0\.1\.0"/)
      await hub.whenSeen(torrent.infoHash, 'that they completed it', ({ complete, downloaded }) => complete === 2 && downloaded === 1)
      await theirs.stop()
      assertIsPayload(dir)
    })
  }

  for (const form of ['hybrid', 'padded'] as const) {
    test(`makes a ${form} torrent; we get it, and seed it back by magnet`, async (t) => {
      const scene = Scene.of(t)
      const dataDir = scene.payloadDir('data')
      const file = await createWithLibtorrent(scene, { host, content: join(dataDir, PAYLOAD_NAME), form, tracker: hub.url('http') })
      const torrent = await readWithShoal(scene, { host, file, dataDir })
      const first = startLibtorrent(scene, { host, what: file, dir: dataDir })
      await hub.whenSeen(torrent.infoHash, 'their seed', ({ complete }) => complete === 1)
      const ours = scene.dir('ours')
      await getWithShoal(scene, { host, what: torrent.magnet, dir: ours })
      assertIsPayload(ours)
      await first.stop()

      await seedWithShoal(scene, { host, torrent: { ...torrent, dataDir: ours } })
      const dir = scene.dir('theirs')
      const second = startLibtorrent(scene, { host, what: torrent.magnet, dir })
      await second.line(/^DONE/)
      await second.stop()
      assertIsPayload(dir)
    })
  }
})
