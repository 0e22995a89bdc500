import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import type { FileEntry, HubEvent } from '@shoal/api/hub-api'
import type { Problem } from '@shoal/api/problem'
import type { StreamLimits } from '@shoal/door/sent-event-streams'
import { EventFeed } from '../src/http/event-feed.ts'
import { EventStreams } from '../src/http/event-routes.ts'
import { REAL_HUB_SYSTEM } from '../src/system.ts'
import { until } from './control-fakes.ts'
import { EventReader } from './event-reader.ts'
import { type OpenDoor, openDoor } from './web-door-fakes.ts'

const INFO_HASH = 'a'.repeat(40)
const PEER = { id: 'host-1', name: 'an', isOnline: true, ip: '192.0.2.7', port: 6881 }
const FILE: FileEntry = {
  id: 'entry-1',
  name: 'lecture-04',
  infoHash: INFO_HASH,
  size: 10,
  pieceLength: 16_384,
  pieceCount: 1,
  fileCount: 1,
  isPrivate: false,
  tags: [],
  host: PEER,
  localPath: '/home/an/secret',
  publishedAt: 1,
  availability: { seeds: 0, leechers: 0, holders: 0, rarestCopies: 0, distributedCopies: 0 },
}
const PIECES: HubEvent = { type: 'pieces', infoHash: INFO_HASH, peer: PEER, have: 3, map: '0-2' }

interface OpenEvents extends OpenDoor {
  readonly feed: EventFeed
  readonly streams: EventStreams
  readonly watched: string[]
}

async function openEvents(limits: Partial<StreamLimits> = {}): Promise<OpenEvents> {
  const feed = new EventFeed(REAL_HUB_SYSTEM)
  const watched: string[] = []
  const watching = { watch: (hash: string) => watched.push(`+${hash[0]}`), unwatch: (hash: string) => watched.push(`-${hash[0]}`) }
  const streams = new EventStreams(feed, watching, REAL_HUB_SYSTEM, limits)
  return { ...(await openDoor([streams.route])), feed, streams, watched }
}

/** A reader that never reads. */
async function lazyReader(hub: OpenDoor): Promise<Socket> {
  const socket = connect({ port: hub.port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  socket.write('GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await once(socket, 'readable')
  return socket
}

describe('the event stream', () => {
  test('tells what happens, to each what it may see', async () => {
    await using hub = await openEvents()
    await using member = await EventReader.open(hub)
    await using guest = await EventReader.open(hub, '', { authorization: 'Bearer guest' })
    hub.feed.emit({ type: 'peer-connected', peer: PEER })
    hub.feed.emit({ type: 'file-published', file: FILE })
    hub.feed.emit(PIECES)
    hub.feed.emit({ type: 'settings-changed' })
    const { localPath: _, ...file } = FILE
    assert.deepEqual(await member.next(), { type: 'peer-connected', peer: PEER })
    assert.deepEqual(await member.next(), { type: 'file-published', file })
    assert.deepEqual(await member.next(), { type: 'settings-changed' })
    assert.deepEqual(await guest.next(), { type: 'file-published', file: { ...file, host: { id: 'host-1', name: 'an', isOnline: true } } })
    assert.deepEqual(await guest.next(), { type: 'settings-changed' })
    assert.equal(member.lastId, String(hub.feed.seq))
    hub.accounts.visitors = 'none'
    assert.equal((await fetch(`${hub.url}/v1/events`)).status, 401)
  })

  test('tells of chosen topics, and of the pieces of watched torrents while they are watched', async () => {
    await using hub = await openEvents()
    {
      await using reader = await EventReader.open(hub, `?topics=files,settings&watch=${INFO_HASH}&watch=${'b'.repeat(40)}`)
      hub.feed.emit({ type: 'peer-connected', peer: PEER })
      hub.feed.emit({ ...PIECES, infoHash: 'c'.repeat(40) })
      hub.feed.emit(PIECES)
      assert.deepEqual(await reader.next(), PIECES)
      assert.deepEqual(hub.watched, ['+a', '+b'])
    }
    await until(() => hub.streams.size === 0)
    assert.deepEqual(hub.watched, ['+a', '+b', '-a', '-b'])
    for (const query of [
      '?topics=x',
      '?topics=',
      '?watch=x',
      '?since=-1',
      '?more=1',
      `?watch=${INFO_HASH}`.repeat(1) + `&watch=${INFO_HASH}`.repeat(20),
    ]) {
      const answer = await fetch(`${hub.url}/v1/events${query}`)
      assert.equal(((await answer.json()) as Problem).code, 'VALIDATION', query)
    }
  })

  test('goes on where a reader was, or says that it cannot', async () => {
    await using hub = await openEvents()
    hub.feed.emit({ type: 'file-withdrawn', id: '1', name: 'one' })
    const seen = hub.feed.seq
    hub.feed.emit({ type: 'file-withdrawn', id: '2', name: 'two' })
    hub.feed.emit({ type: 'file-withdrawn', id: '3', name: 'three' })
    await using back = await EventReader.open(hub, '', { 'last-event-id': `${seen}` })
    assert.deepEqual(await back.next(), { type: 'file-withdrawn', id: '2', name: 'two' })
    assert.deepEqual(await back.next(), { type: 'file-withdrawn', id: '3', name: 'three' })
    for (const lost of [seen - 5_000, seen + 5_000, 0]) {
      await using reader = await EventReader.open(hub, '', { 'last-event-id': `${lost}` })
      assert.deepEqual(await reader.next(), { type: 'reset' })
      hub.feed.emit({ type: 'settings-changed' })
      assert.deepEqual(await reader.next(), { type: 'settings-changed' })
    }
    for (let at = 0; at < 2_000; at++) hub.feed.emit({ type: 'settings-changed' })
    assert.equal(hub.feed.since(seen), undefined)
    assert.equal(hub.feed.since(hub.feed.seq - 10)?.length, 10)
  })

  test('lets go of a reader whose account is banned', async () => {
    await using hub = await openEvents()
    await using reader = await EventReader.open(hub, '', { authorization: 'Bearer member' })
    hub.accounts.ended.add('member')
    for (let at = 0; at < 4; at++) hub.streams.onHeartbeat()
    assert.equal(await reader.next(), undefined)
    await until(() => hub.streams.size === 0)
  })

  test('drops a reader that does not read, and none that does', async () => {
    await using hub = await openEvents({ unsentBytes: 64 << 10 })
    const lazy = await lazyReader(hub)
    await using reader = await EventReader.open(hub)
    const name = 'x'.repeat(10_000)
    for (let at = 0; hub.streams.size === 2; at++) {
      hub.feed.emit({ type: 'file-withdrawn', id: `${at}`, name })
      assert.ok(at < 10_000)
      await reader.next()
    }
    hub.feed.emit({ type: 'settings-changed' })
    assert.equal((await reader.next())?.type, 'settings-changed')
    lazy.destroy()
  })

  test('holds a thousand readers in little memory, and no more of one address than it is told', async () => {
    await using hub = await openEvents({ streamsPerAddress: 1_000 })
    const sockets = await Promise.all(Array.from({ length: 1_000 }, () => lazyReader(hub)))
    assert.equal(hub.streams.size, 1_000)
    const refused = await fetch(`${hub.url}/v1/events`)
    assert.equal(refused.status, 503)
    assert.equal(refused.headers.get('retry-after'), '30')
    await refused.arrayBuffer()
    for (let at = 0; at < 100; at++) hub.feed.emit({ type: 'file-withdrawn', id: `${at}`, name: 'x'.repeat(200) })
    // Nobody reads: what waits is in the kernel, and what is ours is bounded by `unsentBytes` a reader.
    assert.equal(hub.streams.size, 1_000)
    for (const socket of sockets) socket.destroy()
    await until(() => hub.streams.size === 0)
  })
})
