/**
 * Shares a folder from one session and gets it in another, both in this process:
 *
 *     node packages/engine/examples/share-and-get.ts
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSession } from '@shoal/engine'
import { createTorrent } from '@shoal/engine/create-torrent'

const folder = await mkdtemp(join(tmpdir(), 'shoal-example-'))
const lecture = join(folder, 'teacher', 'lecture')
await mkdir(lecture, { recursive: true })
await writeFile(join(lecture, 'notes.txt'), 'Chapter one.\n'.repeat(10_000))
await writeFile(join(lecture, 'video.mp4'), new Uint8Array(3_000_000).fill(7))

const created = await createTorrent(lecture, { comment: 'First week', pieceLength: 64 * 1024 })
console.log(`made ${created.info.name}: ${created.info.pieceCount} pieces of ${created.info.files.length} files`)

const teacher = await createSession({ listenPort: 0, host: '127.0.0.1' })
const seeding = teacher.add({ metainfo: created.bytes, dir: created.root })
await seeding.whenReady()
console.log(`sharing, ${seeding.state.status}`)

const student = await createSession({ listenPort: 0, host: '127.0.0.1' })
const torrent = student.add({
  metainfo: created.bytes,
  dir: join(folder, 'student'),
  peers: [{ host: '127.0.0.1', port: teacher.listenPort }],
})
torrent.on('peer-connected', ({ client }) => console.log(`connected to ${client}`))
torrent.on('state', (state) => console.log(`now ${state.status}`))
torrent.on('warning', (warning) => console.warn(`${warning.code}: ${warning.message}`))
await torrent.whenDone()

const [sent, received] = await Promise.all(['teacher', 'student'].map((person) => readFile(join(folder, person, 'lecture', 'video.mp4'))))
console.log(`equal: ${sent?.equals(received!)}`)

await Promise.all([student.close(), teacher.close()])
await rm(folder, { recursive: true })
