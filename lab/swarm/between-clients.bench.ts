import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makePayload, sha256OfFile, warmMemory } from '../bench/payload.ts'
import { EnginePeer } from '../interop/engine-peer.ts'
import { THIS_HOST } from '../interop/host.ts'
import { startLibtorrent } from '../interop/libtorrent.ts'
import { Scene } from '../interop/scene.ts'
import { createTorrentWithShoal, HubUnderTest, seedWithShoal, type TorrentUnderTest } from '../interop/shoal.ts'

/*
 * How fast one file goes from us to libtorrent and back, next to both among their own, in one run. For information: the
 * times begin with the start of the downloading process and end with the last verified byte.
 *
 *     TMPDIR=/dev/shm node lab/swarm/between-clients.bench.ts --size 256
 */

const { values } = parseArgs({ options: { size: { type: 'string', default: '256' } } })
const bytes = Number(values.size) * 1024 * 1024
const host = THIS_HOST
const CLIENTS = ['shoal', 'libtorrent'] as const
type Client = (typeof CLIENTS)[number]

const stage = new Scene()
try {
  const hub = await HubUnderTest.start(stage, host)
  const dataDir = stage.dir('data')
  const sha256 = makePayload(join(dataDir, 'payload.bin'), bytes)
  warmMemory(join(stage.folder, 'warm'), bytes)
  for (const seeder of CLIENTS) {
    for (const leecher of CLIENTS) {
      const scene = new Scene()
      try {
        const source = `${seeder} to ${leecher}`
        const content = join(dataDir, 'payload.bin')
        const created = { host, content, dataDir, tracker: hub.url('http'), source, pieceLength: 1024 * 1024 }
        const torrent = await createTorrentWithShoal(scene, created)
        await seed(scene, seeder, torrent)
        await hub.whenSeen(torrent.infoHash, 'the seed', ({ complete }) => complete === 1)
        const dir = join(scene.folder, 'got')
        mkdirSync(dir)
        const begun = performance.now()
        await get(scene, leecher, torrent, dir)
        const wallSeconds = (performance.now() - begun) / 1000
        const isEqual = (await sha256OfFile(join(dir, 'payload.bin'))) === sha256
        console.log(JSON.stringify({ seeder, leecher, bytes, wallSeconds, megabytesPerSecond: bytes / 1e6 / wallSeconds, isEqual }))
      } finally {
        await scene.close()
      }
    }
  }
} finally {
  await stage.close()
}

async function seed(scene: Scene, client: Client, torrent: TorrentUnderTest): Promise<void> {
  if (client === 'shoal') await seedWithShoal(scene, { host, torrent })
  else startLibtorrent(scene, { host, what: torrent.file, dir: torrent.dataDir })
}

async function get(scene: Scene, client: Client, torrent: TorrentUnderTest, dir: string): Promise<void> {
  if (client === 'shoal') await new EnginePeer(scene, { host, what: torrent.file, dir }).bytesByClient()
  else await startLibtorrent(scene, { host, what: torrent.file, dir }).line(/^DONE/)
}
