/**
 * Plays a file that is still on its way: what is read next is fetched first, also after a jump.
 *
 *     node packages/engine/examples/stream-a-file.ts
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createSession } from '@shoal/engine'
import { createTorrent } from '@shoal/engine/create-torrent'

const folder = await mkdtemp(join(tmpdir(), 'shoal-example-'))
const original = Uint8Array.from({ length: 6_000_000 }, (_, at) => (at * 31) & 0xff)
await mkdir(join(folder, 'teacher'))
await writeFile(join(folder, 'teacher', 'lecture.mp4'), original)
const created = await createTorrent(join(folder, 'teacher', 'lecture.mp4'), { pieceLength: 64 * 1024 })

// Slow on purpose, so that there is something to wait for.
const teacher = await createSession({ listenPort: 0, host: '127.0.0.1', uploadRateBytesPerSecond: 4_000_000 })
await teacher.add({ metainfo: created.bytes, dir: created.root }).whenReady()
const student = await createSession({ listenPort: 0, host: '127.0.0.1' })
const torrent = student.add({
  metainfo: created.bytes,
  dir: join(folder, 'student'),
  peers: [{ host: '127.0.0.1', port: teacher.listenPort }],
})

// The viewer jumps to the last megabyte, then watches from the beginning.
for (const start of [original.length - 1_000_000, 0]) {
  let at = start
  for await (const chunk of torrent.stream(0, { start, end: start + 1_000_000 })) {
    const isRight = chunk.every((byte, index) => byte === original[at + index])
    if (!isRight) throw new Error(`byte ${at} is wrong`)
    at += chunk.length
  }
  const { haveBytes, wantedSize } = torrent.snapshot()
  console.log(`read bytes ${start} to ${at} of ${wantedSize}; ${haveBytes < wantedSize ? 'the rest is still on its way' : 'all is here'}`)
}

// What an HTTP server would send to a player.
const head = Readable.from(torrent.stream(0, { end: 10 }))
console.log(`the first ten bytes: ${Buffer.concat(await head.toArray()).toString('hex')}`)

await Promise.all([student.close(), teacher.close()])
await rm(folder, { recursive: true })
