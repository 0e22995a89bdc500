import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { createSession } from '@shoal/engine'
import { createTorrent } from '@shoal/engine/create-torrent'
import { descriptorLimit, mostSockets } from '../../src/node/descriptor-limit.ts'

/** Fetches a torrent that it is told of in one line, once it has been told to begin. */
const LEECHER = `
  import { createInterface } from 'node:readline'
  import { createSession, DEFAULT_SWARM_OPTIONS } from '@shoal/engine'
  const session = await createSession({
    listenPort: 0, host: '127.0.0.1', maxConnections: 5000, swarm: { ...DEFAULT_SWARM_OPTIONS, maxConnections: 5000 },
  })
  console.log(JSON.stringify({ port: session.listenPort, maxConnections: session.maxConnections }))
  for await (const line of createInterface({ input: process.stdin })) {
    const { metainfo, dir, peer } = JSON.parse(line)
    await session.add({ metainfo: Buffer.from(metainfo, 'base64'), dir, peers: [peer] }).whenDone()
    console.log('done')
    break
  }
  await session.close()
`

const skip = process.platform === 'linux' ? false : 'the limit of descriptors is known on Linux only'

describe('a session with few descriptors', () => {
  test('leaves enough for files and for peers that it looks for', () => {
    assert.equal(mostSockets(1024), 768)
    assert.equal(mostSockets(256), 128)
    assert.equal(mostSockets(64), 16)
    assert.equal(mostSockets(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
  })

  test('fetches what it wants while strangers hold all places', { skip }, async () => {
    assert.ok(descriptorLimit() > 0)
    const folder = mkdtempSync(join(tmpdir(), 'shoal-few-'))
    const content = join(folder, 'content')
    writeFileSync(content, new Uint8Array(3_000_000).fill(7))
    const created = await createTorrent(content, { pieceLength: 65_536 })
    const seeder = await createSession({ listenPort: 0, host: '127.0.0.1' })
    seeder.add({ metainfo: created.bytes, dir: created.root, skipCheck: true })
    const leecher = spawn('sh', ['-c', 'ulimit -n 256; exec "$0" --input-type=module --eval "$1"', process.execPath, LEECHER], {
      cwd: import.meta.dirname,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const strangers: Socket[] = []
    try {
      const lines = createInterface({ input: leecher.stdout })[Symbol.asyncIterator]()
      const { port, maxConnections } = JSON.parse((await lines.next()).value as string) as { port: number; maxConnections: number }
      assert.equal(maxConnections, 128)
      let held = 0
      await Promise.all(
        Array.from({ length: 300 }, async () => {
          const stranger = connect({ host: '127.0.0.1', port })
          strangers.push(stranger)
          stranger.on('error', () => {})
          // Those beyond the limit are closed at once; the others are waited for until they have said who they are.
          await new Promise<void>((resolve) => stranger.once('connect', resolve).once('close', () => resolve()))
        }),
      )
      for (const stranger of strangers) stranger.once('close', () => held--)
      held = strangers.length
      const order = {
        metainfo: Buffer.from(created.bytes).toString('base64'),
        dir: join(folder, 'got'),
        peer: { host: '127.0.0.1', port: seeder.listenPort },
      }
      leecher.stdin.end(`${JSON.stringify(order)}\n`)
      assert.equal((await lines.next()).value, 'done')
      assert.ok(held >= 100 && held <= 200, `${held} strangers held a place`)
      await new Promise((resolve) => leecher.once('exit', resolve))
    } finally {
      for (const stranger of strangers) stranger.destroy()
      leecher.kill()
      await seeder.close()
      rmSync(folder, { recursive: true })
    }
  })
})
