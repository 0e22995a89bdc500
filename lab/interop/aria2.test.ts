import { after, before, describe, test } from 'node:test'
import { startAria2 } from './aria2.ts'
import { THIS_HOST } from './host.ts'
import { needs } from './requirement.ts'
import { assertIsPayload, Scene } from './scene.ts'
import { createWithShoal, getWithShoal, HubUnderTest, seedWithShoal } from './shoal.ts'

const host = THIS_HOST

// aria2 makes no torrents, so these are all ours. It often waits a second or two between the tracker's answer and the
// first byte: all its tests run at the same time.
describe('aria2', { skip: needs('aria2c'), concurrency: 4 }, () => {
  const stage = new Scene()
  let hub: HubUnderTest
  before(async () => {
    hub = await HubUnderTest.start(stage, host)
  })
  after(() => stage.close())

  for (const [form, scheme] of [
    ['torrent', 'http'],
    ['magnet', 'udp'],
  ] as const) {
    test(`seeds, and we get by ${form}, with the tracker over ${scheme.toUpperCase()}`, async (t) => {
      const scene = Scene.of(t)
      const torrent = await createWithShoal(scene, { host, tracker: hub.url(scheme), source: t.name })
      startAria2(scene, { host, what: torrent.file, dir: torrent.dataDir })
      await hub.whenSeen(torrent.infoHash, 'their seed', ({ complete }) => complete === 1)
      const dir = scene.dir('got')
      await getWithShoal(scene, { host, what: form === 'magnet' ? torrent.magnet : torrent.file, dir })
      assertIsPayload(dir)
    })
  }

  for (const [form, scheme] of [
    ['torrent', 'udp'],
    ['magnet', 'http'],
  ] as const) {
    test(`gets by ${form} what we seed, with the tracker over ${scheme.toUpperCase()}`, async (t) => {
      const scene = Scene.of(t)
      const torrent = await createWithShoal(scene, { host, tracker: hub.url(scheme), source: t.name })
      await seedWithShoal(scene, { host, torrent })
      const dir = scene.dir('got')
      const theirs = startAria2(scene, { host, what: form === 'magnet' ? torrent.magnet : torrent.file, dir })
      await hub.whenSeen(torrent.infoHash, 'that they completed it', ({ complete, downloaded }) => complete === 2 && downloaded === 1)
      await theirs.stop() // takes its own notes out of the folder
      assertIsPayload(dir)
    })
  }
})
