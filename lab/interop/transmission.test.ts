import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { EnginePeer } from './engine-peer.ts'
import type { Host } from './host.ts'
import { type NamespacePair, openNamespacePair } from './namespace-host.ts'
import { PAYLOAD_NAME } from './payload.ts'
import { needs } from './requirement.ts'
import { assertIsPayload, Scene } from './scene.ts'
import { createWithShoal, getWithShoal, HubUnderTest, readWithShoal, seedWithShoal } from './shoal.ts'
import { createWithTransmission, ENCRYPTION, Transmission } from './transmission.ts'

// Transmission looks at its chokes every ten seconds and at its sockets every half second: all its tests run at the
// same time, each with a torrent of its own. The hub and we are the left machine, Transmission is the right one.
// Transmission 3.00 makes no empty files, and transmission-create leaves them out.
describe('Transmission', { skip: needs('transmission-daemon', 'transmission-create', 'network-namespace'), concurrency: 2 }, () => {
  suite('preferred')
  suite('tolerated')
})

/** @param encryption what it does with peers: its own default is to prefer it, and to speak plainly with those who cannot. */
function suite(encryption: keyof typeof ENCRYPTION): void {
  describe(`encryption ${encryption}`, { concurrency: 5 }, () => {
    const stage = new Scene()
    let network: NamespacePair | undefined
    let left: Host
    let hub: HubUnderTest
    let transmission: Transmission
    let right: Host
    before(async () => {
      network = await openNamespacePair()
      left = network.left
      right = network.right
      hub = await HubUnderTest.start(stage, left)
      transmission = await Transmission.start(stage, right, { encryption: ENCRYPTION[encryption] })
    })
    after(async () => {
      await stage.close()
      await network?.close()
    })

    for (const [form, scheme] of [
      ['torrent', 'http'],
      ['magnet', 'udp'],
    ] as const) {
      test(`seeds, and we get by ${form}, with the tracker over ${scheme.toUpperCase()}`, async (t) => {
        const scene = Scene.of(t)
        const torrent = await createWithShoal(scene, { host: left, tracker: hub.url(scheme), source: t.name })
        assert.equal(await transmission.add(torrent.file, torrent.dataDir), torrent.infoHash)
        await hub.whenSeen(torrent.infoHash, 'their seed', ({ complete }) => complete === 1)
        const dir = scene.dir('got')
        await getWithShoal(scene, { host: left, what: form === 'magnet' ? torrent.magnet : torrent.file, dir })
        assertIsPayload(dir)
      })
    }

    for (const [form, scheme] of [
      ['torrent', 'udp'],
      ['magnet', 'http'],
    ] as const) {
      test(`gets by ${form} what we seed, with the tracker over ${scheme.toUpperCase()}`, async (t) => {
        const scene = Scene.of(t)
        const torrent = await createWithShoal(scene, { host: left, tracker: hub.url(scheme), source: t.name })
        await seedWithShoal(scene, { host: left, torrent })
        const dir = scene.dir('got')
        await transmission.add(form === 'magnet' ? torrent.magnet : torrent.file, dir)
        await transmission.whenComplete(torrent.infoHash)
        await hub.whenSeen(torrent.infoHash, 'that they completed it', ({ complete, downloaded }) => complete === 2 && downloaded === 1)
        assertIsPayload(dir, { mayLackEmptyFiles: true })
      })
    }

    if (encryption === 'tolerated') {
      test('seeds, and we know it by its name', async (t) => {
        const scene = Scene.of(t)
        const torrent = await createWithShoal(scene, { host: left, tracker: hub.url('http'), source: t.name })
        await transmission.add(torrent.file, torrent.dataDir)
        await hub.whenSeen(torrent.infoHash, 'their seed', ({ complete }) => complete === 1)
        const from = await new EnginePeer(scene, { host: left, what: torrent.file, dir: scene.dir('got') }).bytesByClient()
        t.diagnostic(JSON.stringify(from))
        assert.deepEqual(
          Object.keys(from).filter((client) => !/^Transmission \d/.test(client)),
          [],
        )
      })
      return
    }
    test('makes a torrent, seeds it, and we get it', async (t) => {
      const scene = Scene.of(t)
      const dataDir = scene.payloadDir('data')
      const content = join(dataDir, PAYLOAD_NAME)
      const file = await createWithTransmission(scene, { host: right, content, tracker: hub.url('http') })
      const torrent = await readWithShoal(scene, { host: left, file, dataDir })
      assert.equal(await transmission.add(file, dataDir), torrent.infoHash)
      await hub.whenSeen(torrent.infoHash, 'their seed', ({ complete }) => complete === 1)
      const dir = scene.dir('got')
      await getWithShoal(scene, { host: left, what: torrent.magnet, dir })
      assertIsPayload(dir, { mayLackEmptyFiles: true })
    })
  })
}
