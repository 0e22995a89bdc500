/**
 * Tells how a download is doing: what happens, as it happens, and the figures four times a second.
 *
 *     node packages/engine/examples/watch-progress.ts
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSession, EngineError, ProtocolError, type Torrent } from '@shoal/engine'
import { createTorrent } from '@shoal/engine/create-torrent'

const folder = await mkdtemp(join(tmpdir(), 'shoal-example-'))
await mkdir(join(folder, 'teacher'))
await writeFile(join(folder, 'teacher', 'lecture.mp4'), new Uint8Array(5_000_000).fill(7))
const created = await createTorrent(join(folder, 'teacher', 'lecture.mp4'), { pieceLength: 64 * 1024 })
const teacher = await createSession({ listenPort: 0, host: '127.0.0.1' })
await teacher.add({ metainfo: created.bytes, dir: created.root }).whenReady()
const student = await createSession({ listenPort: 0, host: '127.0.0.1', downloadRateBytesPerSecond: 3_000_000 })

/** @returns how many pieces have come so far */
function tell(torrent: Torrent): () => number {
  let pieces = 0
  torrent.on('state', (state) => console.log(`state ${state.status}`))
  torrent.on('piece', () => pieces++)
  torrent.on('peer-connected', ({ host, client }) => console.log(`peer ${host} (${client})`))
  torrent.on('peer-banned', ({ host, pieceIndex }) => console.log(`${host} sent a wrong piece ${pieceIndex} and is sent away`))
  torrent.on('tracker', ({ url, status }) => console.log(`tracker ${url}: ${status}`))
  torrent.on('warning', ({ code, message }) => console.warn(`${code}: ${message}`))
  torrent.on('error', ({ code, message }) => console.error(`${code}: ${message}`))
  return () => pieces
}

const torrent = student.add({
  metainfo: created.bytes,
  dir: join(folder, 'student'),
  peers: [{ host: '127.0.0.1', port: teacher.listenPort }],
})
const piecesSoFar = tell(torrent)

const timer = setInterval(() => {
  const { haveBytes, wantedSize, downloadRate, peers, etaMs } = torrent.snapshot()
  const percent = Math.floor((haveBytes / wantedSize) * 100)
  const eta = etaMs === undefined ? 'no idea when' : `${(etaMs / 1000).toFixed(1)} s to go`
  console.log(`${percent} % at ${(downloadRate / 1e6).toFixed(1)} MB/s from ${peers.length} peer, ${eta}`)
}, 250)
await torrent.whenDone()
clearInterval(timer)
console.log(`done: ${piecesSoFar()} pieces, ${torrent.snapshot().wasted} bytes wasted`)

// What is wrong with what was given is thrown at once, with a code to tell it by.
for (const what of [{ metainfo: Uint8Array.of(1, 2, 3) }, { metainfo: created.bytes }]) {
  try {
    student.add({ ...what, dir: folder })
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof EngineError)) throw error
    console.log(`refused with ${error.code}: ${error.message}`)
  }
}

await Promise.all([student.close(), teacher.close()])
await rm(folder, { recursive: true })
