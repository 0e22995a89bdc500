/**
 * Eight peers on eight machines with bad links between them, in virtual time: the tests of a program that embeds the engine can
 * run minutes of a swarm in a moment, and the same seed gives the same minutes.
 *
 *     node packages/engine/examples/simulate-a-swarm.ts
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Session } from '@shoal/engine'
import { createTorrent } from '@shoal/engine/create-torrent'
import { SimDisk, SimHasher, SimNetwork, SimSystem } from '@shoal/engine/simulation'

const folder = await mkdtemp(join(tmpdir(), 'shoal-example-'))
const file = join(folder, 'lecture.mp4')
await writeFile(
  file,
  Uint8Array.from({ length: 250_000 }, (_, at) => (at * 31) & 0xff),
)
const { bytes: metainfo } = await createTorrent(file, { pieceLength: 32 * 1024, creationDate: null })
const content = new Uint8Array(await readFile(file))
await rm(folder, { recursive: true })

/** @returns how long it took in virtual time, and a fingerprint of everything that happened */
async function simulate(seed: number): Promise<{ readonly seconds: number; readonly digest: string }> {
  const system = new SimSystem({ seed })
  const network = new SimNetwork(system, { link: { latencyMs: 40, jitterMs: 20, loss: 0.01 } })
  const sessions: Session[] = []
  for (let machine = 1; machine <= 8; machine++) {
    const disk = new SimDisk(system)
    if (machine === 1) disk.putFile('/data/lecture.mp4', content)
    const host = network.host(`10.0.0.${machine}`, { upBytesPerSecond: 50_000 })
    sessions.push(await system.complete(Session.open({ system, network: host, disk, hasher: new SimHasher(system) })))
  }
  const endpoints = sessions.map((session, index) => ({ host: `10.0.0.${index + 1}`, port: session.listenPort }))
  const torrents = sessions.map((session) => session.add({ metainfo, dir: '/data', peers: endpoints }))
  const isDone = await system.runUntil(() => torrents.every((torrent) => torrent.state.status === 'seeding'), 600_000)
  if (!isDone) throw new Error(`not done within ten minutes, seed ${seed}`)
  const seconds = Math.round(system.now() / 1000)
  for (const session of sessions) await system.complete(session.close())
  return { seconds, digest: system.digest }
}

const once = await simulate(1)
const again = await simulate(1)
const other = await simulate(2)
console.log(`eight peers have it after ${once.seconds} s of virtual time`)
console.log(`the same seed: ${once.digest === again.digest ? 'the same run' : 'another run'}`)
console.log(`another seed: ${once.digest === other.digest ? 'the same run' : 'another run'}`)
