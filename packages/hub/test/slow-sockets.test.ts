import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { parseAnnounceReply } from '@shoal/protocol/tracker/http'
import { startHub } from '../src/hub.ts'

/** This process has both ends of every connection. */
const MOST_SOCKETS = 5_000
const SPARE_DESCRIPTORS = 500

function socketsToOpen(): number {
  const limit = process.platform === 'win32' ? 20_000 : Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'latin1' }))
  return Number.isNaN(limit) ? MOST_SOCKETS : Math.min(MOST_SOCKETS, Math.floor((limit - SPARE_DESCRIPTORS) / 2))
}

test('thousands of sockets that say nothing, or next to nothing, stop no announce', { timeout: 60_000 }, async (t) => {
  const hub = await startHub({ port: 0 })
  const sockets: Socket[] = []
  try {
    const count = socketsToOpen()
    t.diagnostic(`${count} sockets`)
    const open = (index: number): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(hub.httpPort, '127.0.0.1', () => {
          if (index % 2 === 0) socket.write('GET /announce?info_hash=')
          resolve()
        })
        socket.on('error', () => resolve())
        sockets.push(socket)
      })
    for (let from = 0; from < count; from += 100)
      await Promise.all(Array.from({ length: Math.min(100, count - from) }, (_, i) => open(from + i)))
    // All drip on while others announce.
    for (const [index, socket] of sockets.entries()) if (index % 2 === 0) socket.write('%00')
    const query = `info_hash=${'s'.repeat(20)}&peer_id=${'p'.repeat(20)}&left=1`
    for (let port = 1; port <= 50; port++) {
      const reply = parseAnnounceReply(await (await fetch(`${hub.urls.http}?${query}&port=${port}`)).bytes())
      assert.ok(!isTrackerFailure(reply))
      assert.equal(reply.incomplete, port)
    }
  } finally {
    for (const socket of sockets) socket.destroy()
    await hub.close()
  }
})
