import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { HubClient } from '@shoal/api/client'
import { EventFeed } from '@shoal/api/event-feed'
import type { FileEntry, HubEvent, PeerEntry, PieceHolders, Ping } from '@shoal/api/hub-api'
import { Bitfield } from '@shoal/protocol/bitfield'
import { until } from '../interop/deadline.ts'
import { Program } from '../interop/program.ts'
import { HubSession } from './hub-session.ts'
import { MinimalPeer } from './minimal-peer.ts'

const BIN = join(import.meta.dirname, '../../packages/cli/bin/shoal.js')
const PIECE_LENGTH = 64 * 1024
const PIECES = 40

/**
 * The list of tests in the founding documents (5.1 to 5.11), in their order, through the shell of a hub that runs as
 * people run it, with two peers. What they share is moved by the programs that move data.
 */
describe('a hub, its shell and two peers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-founding-'))
  const content = contentOf(PIECES * PIECE_LENGTH - 1_000)
  const programs: Program[] = []
  let hub: HubSession
  let an: MinimalPeer
  let binh: MinimalPeer
  let seedPort = 0
  let torrent: Uint8Array
  let infoHash = ''
  const news: HubEvent[] = []
  const watching = new AbortController()

  const shoal = (...words: string[]): Program => {
    const home = join(folder, 'home of a peer')
    const program = new Program(words[0]!, [], [process.execPath, BIN, ...words], {
      cwd: folder,
      env: { HOME: home, SHOAL_HOME: home, NO_COLOR: '1' },
    })
    programs.push(program)
    return program
  }

  before(() => {
    mkdirSync(join(folder, 'repository'))
    writeFileSync(join(folder, 'lecture.bin'), content)
  })
  after(async () => {
    watching.abort()
    an?.vanish()
    binh?.vanish()
    hub?.kill()
    for (const program of programs) await program.stop()
    rmSync(folder, { recursive: true })
  })

  test('5.1 the tracker runs', async () => {
    hub = await HubSession.start(join(folder, 'home of the hub'))
  })

  test('5.2 a peer runs', async () => {
    const created = await shoal('create', 'lecture.bin', '--tracker', hub.announceUrl, '--piece-length', String(PIECE_LENGTH), '--json')
      .ended
    assert.equal(created.status, 0, created.lines.join('\n'))
    infoHash = (JSON.parse(created.lines.at(-1)!) as { infoHashV1: string }).infoHashV1
    torrent = readFileSync(join(folder, 'lecture.bin.torrent'))
    const seed = shoal('seed', 'lecture.bin.torrent', '--dir', folder, '--json')
    seedPort = (JSON.parse(await seed.line(/"event":"ready"/)) as { port: number }).port
  })

  test('5.3 start says where the hub is', async () => {
    const { url, networkAddresses } = await hub.ask<{ url: string; networkAddresses: string[] }>('start')
    assert.equal(url, hub.url)
    assert.ok(Array.isArray(networkAddresses))
  })

  test('5.4 two peers connect, and whoever watches hears of it', async () => {
    await new Promise<void>((resolve, reject) => {
      const feed = new EventFeed({ url: hub.url, chance: () => 0.5 }, { onEvent: (event) => news.push(event), onOpen: resolve })
      feed.run(watching.signal).catch(reject)
    })
    an = await MinimalPeer.connect({ hub: hub.url, name: 'an', port: seedPort })
    // Nothing listens there: what a peer says is one thing, whether it can be reached another.
    binh = await MinimalPeer.connect({ hub: hub.url, name: 'binh', port: 1 })
    assert.equal(an.welcome.ip, '127.0.0.1')
  })

  test('5.5 list_peers shows both', async () => {
    const peers = await hub.ask<PeerEntry[]>('list_peers')
    assert.deepEqual(peers.map(({ name, ip, port }) => `${name} ${ip}:${port}`).sort(), [`an 127.0.0.1:${seedPort}`, 'binh 127.0.0.1:1'])
  })

  test('5.6 publish is acknowledged at once; a name or a path twice is refused, but not to another peer', async (t) => {
    const begun = performance.now()
    await an.publish('lecture 4', torrent, '/home/an/lecture.bin')
    const took = performance.now() - begun
    t.diagnostic(`publish was acknowledged after ${took.toFixed(1)} ms`)
    assert.ok(took < 2_000)
    await assert.rejects(an.publish('another name', torrent, '/home/an/lecture.bin'), { code: 'ALREADY_SHARED' })
    await assert.rejects(an.publish('lecture 4', torrent, '/home/an/other.bin'), { code: 'TAKEN' })
    await binh.publish('lecture 4', torrent)
  })

  test('5.7 list_files shows the same to the hub and to a peer', async () => {
    const atHub = await hub.ask<FileEntry[]>('list_files')
    assert.deepEqual(
      atHub.map(({ name, host, size, pieceCount }) => `${name} of ${host?.name}: ${size} bytes, ${pieceCount} pieces`).sort(),
      [`lecture 4 of an: ${content.length} bytes, ${PIECES} pieces`, `lecture 4 of binh: ${content.length} bytes, ${PIECES} pieces`],
    )
    const atPeer = await new HubClient({ url: hub.url }).files({})
    assert.deepEqual(atPeer.items.map(({ id }) => id).sort(), atHub.map(({ id }) => id).sort())
    assert.equal((await hub.ask<FileEntry[]>('list_files lect')).length, 2)
    assert.deepEqual(await hub.ask('list_files nothing-like-it'), [])
  })

  test('5.8 discover shows name, size, pieces, path and address of what one peer shares', async () => {
    for (const line of ['discover an', `discover 127.0.0.1 ${seedPort}`]) {
      const [file, ...others] = await hub.ask<FileEntry[]>(line)
      assert.equal(others.length, 0)
      assert.deepEqual(
        [file?.name, file?.size, file?.pieceCount, file?.localPath, file?.host?.ip, file?.host?.port],
        ['lecture 4', content.length, PIECES, '/home/an/lecture.bin', '127.0.0.1', seedPort],
      )
    }
    assert.equal((await hub.refusal('discover 127.0.0.1 2')).code, 'NOT_FOUND')
  })

  test('5.9 list_chunkinfo shows who has which pieces', async () => {
    const half = Bitfield.empty(PIECES)
    for (let piece = 0; piece < PIECES / 2; piece++) half.set(piece)
    an.tellPieces(infoHash, Bitfield.full(PIECES))
    binh.tellPieces(infoHash, half)
    const info = await until('both peers have told their pieces', async () => {
      const [only] = await hub.ask<(PieceHolders & { names: string[] })[]>('list_chunkinfo lecture 4')
      return only?.holders.length === 2 && only.availability.rarestCopies > 0 ? only : undefined
    })
    assert.deepEqual(info.names, ['lecture 4'])
    assert.deepEqual(info.holders.map(({ peer, have, map }) => `${peer.name} ${have} ${map}`).sort(), [
      `an ${PIECES} all`,
      `binh ${PIECES / 2} 0-${PIECES / 2 - 1}`,
    ])
    assert.equal((await hub.ask<unknown[]>('list_chunkinfo')).length, 1, 'equal content is one')
    const { message } = await hub.refusal('list_chunkinfo lecture 5')
    assert.match(message, /^No file named "lecture 5" .*Close: "lecture 4"\./)
  })

  test('5.10 ping measures the way to a peer; never to the hub itself, nor to nobody', async (t) => {
    const ping = await hub.ask<Ping>(`ping 127.0.0.1 ${seedPort}`)
    t.diagnostic(`ping took ${ping.roundTripMs.toFixed(3)} ms`)
    assert.ok(ping.roundTripMs > 0 && ping.roundTripMs < 2_000)
    assert.equal(ping.isReachable, true)
    assert.equal((await hub.ask<Ping>('ping binh')).isReachable, false)
    assert.equal((await hub.refusal(`ping 127.0.0.1 ${new URL(hub.url).port}`)).code, 'PING_SELF')
    assert.equal((await hub.refusal('ping 127.0.0.1 2')).code, 'NOT_FOUND')
    assert.match((await hub.refusal('ping bin')).message, /No peer "bin" is connected\. Close: "binh"\./)
  })

  test('5.11 fetch brings the same bytes, from whoever has them', async () => {
    const file = await fetch(`${hub.url}/v1/torrents/${infoHash}/file`)
    assert.equal(file.status, 200)
    writeFileSync(join(folder, 'fetched.torrent'), Buffer.from(await file.arrayBuffer()))
    const got = await shoal('get', 'fetched.torrent', '--dir', 'repository', '--json').ended
    assert.equal(got.status, 0, got.lines.join('\n'))
    assert.deepEqual(readFileSync(join(folder, 'repository', 'lecture.bin')), content)
  })

  test('a peer that goes away is gone from the lists, and is told apart from one that never was', async () => {
    binh.vanish()
    await until('the hub has noticed', async () => ((await hub.ask<PeerEntry[]>('list_peers')).length === 1 ? true : undefined))
    assert.equal((await hub.refusal('ping binh')).code, 'PEER_GONE')
    assert.equal((await hub.refusal('ping 127.0.0.1 1')).code, 'PEER_GONE')
    const left = await hub.ask<FileEntry[]>('discover binh')
    assert.equal(left[0]?.host?.isOnline, false)
  })

  test('what is withdrawn is in no list', async () => {
    await an.withdraw('lecture 4')
    assert.equal((await hub.ask<FileEntry[]>('list_files')).length, 1)
    await hub.ask('withdraw lecture 4')
    assert.deepEqual(await hub.ask('list_files'), [])
  })

  test('the news have told all of it, in its order', async () => {
    const told = await until('the last news', async () => (news.some(({ type }) => type === 'file-withdrawn') ? news : undefined))
    const types = told.map(({ type }) => type).filter((type) => type !== 'availability')
    assert.deepEqual(types.slice(0, 4), ['peer-connected', 'peer-connected', 'file-published', 'file-published'])
    assert.ok(types.includes('peer-gone'))
    watching.abort()
  })

  test('exit stops the hub, and the first failure is its status', async () => {
    assert.equal(await hub.exit(), 1)
  })
})

/** The same bytes in every run. */
function contentOf(length: number): Buffer {
  const blocks: Buffer[] = []
  for (let at = 0; at < length; at += 32) blocks.push(createHash('sha256').update(`block ${at}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}
