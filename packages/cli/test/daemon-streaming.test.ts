import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { DaemonClient } from '@shoal/api/daemon-client'
import { createSession } from '@shoal/engine'
import { readToken } from '../src/daemon-http/local-secret.ts'
import { torrentOf } from './crash/crashed-daemon.ts'
import { rawCall } from './daemon-door.ts'
import { ShoalWorld } from './shoal.ts'

const BYTES = 24 << 20
/** All of it would take 24 s. */
const BYTES_PER_SECOND = 1 << 20

describe('a player', () => {
  test('begins with a film that has hardly come, and jumps to its end', async () => {
    const world = new ShoalWorld()
    const data = randomBytes(BYTES)
    const { id, metainfo } = torrentOf('film.mp4', data)
    mkdirSync(world.path('seeded'))
    writeFileSync(world.path('seeded', 'film.mp4'), data)
    const seeder = await createSession({ stateDir: world.path('seeder'), listenPort: 0, host: '127.0.0.1' })
    seeder.setUploadRate(BYTES_PER_SECOND)
    seeder.add({ metainfo, dir: world.path('seeded'), skipCheck: true, uploadOnly: true })
    const running = world.start('daemon', 'start', '--foreground', '--port', '0', '--peer-port', '0', '--json')
    try {
      const { peer } = JSON.parse(await running.line(/"ready"/)) as { peer: { url: string } }
      const token = (await readToken(world.path('home', 'shoal', 'peer', 'token'))) ?? ''
      const client = new DaemonClient({ url: peer.url, token })
      const peers = [`127.0.0.1:${seeder.listenPort}`]
      await client.add({ metainfo: Buffer.from(metainfo).toString('base64'), dir: world.path('coming'), peers })
      const [file] = await client.torrentFiles(id)
      assert.ok(file !== undefined)
      const { key } = await client.playerKey(id)
      const address = `${client.contentUrl(file)}?key=${key}`

      const begin = await rawCall(address, 'GET', { range: 'bytes=0-99999' })
      assert.equal(begin.status, 206)
      assert.equal(sha1(begin.body), sha1(data.subarray(0, 100_000)))
      const end = await rawCall(address, 'GET', { range: `bytes=${BYTES - 100_000}-` })
      assert.equal(end.headers['content-range'], `bytes ${BYTES - 100_000}-${BYTES - 1}/${BYTES}`)
      assert.equal(sha1(end.body), sha1(data.subarray(BYTES - 100_000)))
      const { haveBytes } = await client.torrent(id)
      assert.ok(haveBytes < BYTES / 2, `${haveBytes} bytes had to come first`)

      // whoever reads a torrent that goes is told by the end of the connection
      const broken = await fetch(address)
      await client.remove(id, { data: 'keep' })
      await assert.rejects(broken.arrayBuffer())
    } finally {
      await running.stop('SIGTERM')
      await seeder.close()
      await world.close()
    }
  })
})

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex')
}
