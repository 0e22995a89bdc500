import { after, before, describe, test } from 'node:test'
import { startAria2 } from './aria2.ts'
import { type Host, THIS_HOST } from './host.ts'
import { startLibtorrent } from './libtorrent.ts'
import { type NamespacePair, openNamespacePair } from './namespace-host.ts'
import { needs } from './requirement.ts'
import { assertIsPayload, Scene } from './scene.ts'
import { createWithShoal, getWithShoal, HubUnderTest, seedWithShoal } from './shoal.ts'
import { ENCRYPTION, Transmission } from './transmission.ts'

/** The same torrent, from this tracker only. */
const magnetWith = (infoHash: string, tracker: string) => `magnet:?xt=urn:btih:${infoHash}&tr=${encodeURIComponent(tracker)}`

describe('a members-only hub, with the key in the URL', () => {
  describe('on one machine', () => {
    const host = THIS_HOST
    const stage = new Scene()
    let hub: HubUnderTest
    before(async () => {
      hub = await HubUnderTest.startForMembers(stage, host)
    })
    after(() => stage.close())

    for (const [ours, theirs] of [
      ['http', 'udp'],
      ['udp', 'http'],
    ] as const) {
      test(`we seed over ${ours.toUpperCase()}, and get over ${theirs.toUpperCase()}`, async (t) => {
        const scene = Scene.of(t)
        const torrent = await createWithShoal(scene, { host, tracker: hub.url(ours), source: t.name })
        await seedWithShoal(scene, { host, torrent })
        const dir = scene.dir('got')
        await getWithShoal(scene, { host, what: magnetWith(torrent.infoHash, hub.url(theirs)), dir })
        assertIsPayload(dir)
      })
    }

    test('aria2 over HTTP and libtorrent over UDP (BEP 41) find each other', { skip: needs('aria2c', 'libtorrent') }, async (t) => {
      const scene = Scene.of(t)
      const torrent = await createWithShoal(scene, { host, tracker: hub.url('http'), source: t.name })
      startAria2(scene, { host, what: torrent.file, dir: torrent.dataDir })
      await hub.whenSeen(torrent.infoHash, 'their seed', ({ complete }) => complete === 1)
      const dir = scene.dir('got')
      const theirs = startLibtorrent(scene, { host, what: magnetWith(torrent.infoHash, hub.url('udp')), dir })
      await theirs.line(/^DONE/)
      await hub.whenSeen(torrent.infoHash, 'that they completed it', ({ complete, downloaded }) => complete === 2 && downloaded === 1)
      await theirs.stop()
      assertIsPayload(dir)
    })
  })

  describe('on two machines', { skip: needs('transmission-daemon', 'libtorrent', 'network-namespace'), concurrency: 2 }, () => {
    const stage = new Scene()
    let network: NamespacePair
    let left: Host
    let hub: HubUnderTest
    let transmission: Transmission
    before(async () => {
      network = await openNamespacePair()
      left = network.left
      hub = await HubUnderTest.startForMembers(stage, left)
      transmission = await Transmission.start(stage, network.right, { encryption: ENCRYPTION.tolerated })
    })
    after(async () => {
      await stage.close()
      await network.close()
    })

    // On one machine libtorrent asks no tracker whose path does not begin with /announce: its guard against forged requests.
    test('libtorrent over HTTP finds us over UDP', async (t) => {
      const scene = Scene.of(t)
      const torrent = await createWithShoal(scene, { host: left, tracker: hub.url('udp'), source: t.name })
      await seedWithShoal(scene, { host: left, torrent })
      const dir = scene.dir('got')
      const theirs = startLibtorrent(scene, { host: network.right, what: magnetWith(torrent.infoHash, hub.url('http')), dir })
      await theirs.line(/^DONE/)
      await hub.whenSeen(torrent.infoHash, 'that they completed it', ({ complete, downloaded }) => complete === 2 && downloaded === 1)
      await theirs.stop()
      assertIsPayload(dir)
    })

    test('Transmission over HTTP seeds, and we get', async (t) => {
      const scene = Scene.of(t)
      const torrent = await createWithShoal(scene, { host: left, tracker: hub.url('http'), source: t.name })
      await transmission.add(torrent.file, torrent.dataDir)
      await hub.whenSeen(torrent.infoHash, 'their seed', ({ complete }) => complete === 1)
      const dir = scene.dir('got')
      await getWithShoal(scene, { host: left, what: magnetWith(torrent.infoHash, hub.url('udp')), dir })
      assertIsPayload(dir, { mayLackEmptyFiles: true })
    })
  })
})
