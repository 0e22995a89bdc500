import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { CONTROL_PATH } from '@shoal/api/control-channel'
import { WebSocket } from 'ws'
import { INFO_HASH, type OpenChannel, openChannel, TestPeer, until } from './control-fakes.ts'

/** The status with which an upgrade is refused. */
async function refusedWith(hub: OpenChannel, path: string, headers: Record<string, string>): Promise<number | undefined> {
  const socket = new WebSocket(`ws://127.0.0.1:${hub.port}${path}`, { headers })
  socket.on('error', () => undefined)
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  answer.resume()
  await once(answer, 'end')
  return answer.statusCode
}

describe('the control channel', () => {
  test('welcomes a peer, and knows it again by its key', async () => {
    await using hub = await openChannel()
    using an = await TestPeer.join(hub, 'an')
    assert.deepEqual(an.received[0], {
      type: 'welcome',
      hostId: 'host-1',
      name: 'an',
      ip: '127.0.0.1',
      hubName: 'the class',
      published: [],
    })
    an.publish(1, 'lecture-04')
    assert.deepEqual(await an.next('done'), { type: 'done', call: 1, entryId: 'lecture-04@host-1' })
    an.socket.close()
    await until(() => hub.channel.presence.size === 0)
    using again = await TestPeer.join(hub, 'an')
    assert.deepEqual(again.received[0], {
      type: 'welcome',
      hostId: 'host-1',
      name: 'an',
      ip: '127.0.0.1',
      hubName: 'the class',
      published: [{ name: 'lecture-04', infoHash: INFO_HASH }],
    })
    assert.deepEqual(
      hub.events.map((event) => [event.type, 'peer' in event ? event.peer.isOnline : '']),
      [
        ['peer-connected', true],
        ['peer-gone', false],
        ['peer-connected', true],
      ],
    )
  })

  test('gives two peers of one name different ones', async () => {
    await using hub = await openChannel()
    using _one = await TestPeer.join(hub, 'Bình', { key: '1' })
    using two = await TestPeer.join(hub, 'BÌNH', { key: '2' })
    using three = await TestPeer.join(hub, 'x'.repeat(40), { key: '3' })
    using four = await TestPeer.join(hub, 'x'.repeat(40), { key: '4' })
    assert.deepEqual(
      [two, three, four].map((peer) => (peer.received[0]?.type === 'welcome' ? peer.received[0].name : '')),
      ['BÌNH-2', 'x'.repeat(40), `${'x'.repeat(38)}-2`],
    )
  })

  test('lets a second connection of a host replace the first', async () => {
    await using hub = await openChannel()
    using first = await TestPeer.join(hub, 'an')
    using second = await TestPeer.join(hub, 'an')
    assert.equal((await first.next('goodbye')).code, 'REPLACED')
    await first.closed()
    assert.equal(hub.channel.presence.size, 1)
    assert.equal(second.socket.readyState, WebSocket.OPEN)
    assert.equal(hub.events.at(-1)?.type, 'peer-connected')
  })

  test('answers calls in their order, with the reason where it refuses', async () => {
    await using hub = await openChannel()
    using an = await TestPeer.join(hub, 'an')
    an.publish(1, 'a')
    an.publish(2, 'a')
    an.send({ type: 'withdraw', call: 3, name: 'a' })
    an.send({ type: 'withdraw', call: 4, name: 'a' })
    an.publish(5, 'a')
    assert.equal((await an.next('done')).call, 1)
    const refused = await an.next('refused')
    assert.deepEqual([refused.call, refused.problem.code], [2, 'TAKEN'])
    assert.equal((await an.next('done')).call, 3)
    assert.equal((await an.next('refused')).problem.code, 'NOT_FOUND')
    assert.equal((await an.next('done')).call, 5)
  })

  test('takes publishing only from those who may', async () => {
    await using hub = await openChannel()
    using guest = await TestPeer.join(hub, 'guest', { headers: { authorization: 'Bearer guest' } })
    guest.publish(1, 'a')
    assert.equal((await guest.next('refused')).problem.code, 'FORBIDDEN')
    assert.equal(hub.publishing.entries.size, 0)
  })

  test('lets in who has a token, and no page of any site', async () => {
    await using hub = await openChannel()
    hub.accounts.visitors = 'none'
    assert.equal(await refusedWith(hub, CONTROL_PATH, {}), 401)
    assert.equal(await refusedWith(hub, CONTROL_PATH, { authorization: 'Bearer nobody' }), 401)
    assert.equal(await refusedWith(hub, CONTROL_PATH, { cookie: 'session=member' }), 401)
    assert.equal(await refusedWith(hub, CONTROL_PATH, { authorization: 'Bearer member', origin: hub.url }), 403)
    assert.equal(await refusedWith(hub, CONTROL_PATH, { authorization: 'Bearer member', host: 'evil.example' }), 403)
    for (const path of ['/v1/Control', '/v1/control/', '/v1//control', '/', '/v1/events']) {
      assert.equal(await refusedWith(hub, path, { authorization: 'Bearer member' }), 404, path)
    }
    using _member = await TestPeer.join(hub, 'an', { headers: { authorization: 'Bearer member' } })
    assert.equal(hub.bugs.length, 0)
  })

  test('says goodbye to whom the account is taken from', async () => {
    await using hub = await openChannel()
    using an = await TestPeer.join(hub, 'an', { headers: { authorization: 'Bearer member' } })
    hub.accounts.ended.add('member')
    an.publish(1, 'a')
    assert.equal((await an.next('refused')).problem.code, 'NOT_SIGNED_IN')
    hub.pass(60_000 - 40_000)
    hub.pass(40_000)
    await an.closed()
    assert.equal(hub.channel.presence.size, 0)
  })

  test('is rid of a silent peer within 30 s, and of one that never says hello within 10', async () => {
    await using hub = await openChannel()
    using silent = await TestPeer.join(hub, 'silent')
    using mute = await TestPeer.connect(hub)
    silent.socket.pause()
    hub.pass(9_000)
    assert.equal(mute.socket.readyState, WebSocket.OPEN)
    hub.pass(1_100)
    assert.equal((await mute.next('goodbye')).code, 'HELLO_TIMEOUT')
    assert.equal(hub.channel.presence.size, 1)
    hub.pass(15_500)
    assert.equal(hub.channel.presence.size, 0)
    assert.equal(hub.events.at(-1)?.type, 'peer-gone')
  })

  test('keeps a peer that answers WebSocket pings and says nothing else', async () => {
    await using hub = await openChannel()
    using an = await TestPeer.join(hub, 'an')
    for (let at = 0; at < 20; at++) {
      hub.pass(10_000)
      await once(an.socket, 'ping')
      await new Promise((resolve) => {
        an.socket.ping(undefined, undefined, resolve)
      })
      await once(an.socket, 'pong')
    }
    assert.equal(hub.channel.presence.size, 1)
  })

  test('closes on garbage, and goes on for the others', async () => {
    await using hub = await openChannel()
    using well = await TestPeer.join(hub, 'well')
    const garbage: (string | Buffer | object)[] = [
      'no json',
      '[]',
      'null',
      '"x"',
      '{}',
      { type: 'nothing' },
      { type: '__proto__' },
      { type: 'publish', call: 1 },
      { type: 'publish', call: -1, name: 'a', torrent: 'AAAA' },
      { type: 'pong', call: 1, more: 2 },
      { type: 'pieces', infoHash: 'X'.repeat(40), map: 'all' },
      { type: 'pieces', infoHash: INFO_HASH, map: '5-3' },
      { type: 'pieces', infoHash: INFO_HASH, map: `0-${'9'.repeat(10)}` },
      { type: 'hello', hostKey: 'x', name: 'x', port: 0, version: '' },
      Buffer.from('{"type":"pong","call":1}'),
      '['.repeat(100_000),
    ]
    for (const [at, message] of garbage.entries()) {
      using peer = await TestPeer.join(hub, `peer ${at}`)
      if (message instanceof Buffer) peer.socket.send(message)
      else peer.send(message)
      const { code } = await peer.next('goodbye')
      assert.equal(code, 'MALFORMED', JSON.stringify(message).slice(0, 80))
      await peer.closed()
    }
    using second = await TestPeer.join(hub, 'second')
    second.hello('second')
    assert.equal((await second.next('goodbye')).code, 'UNEXPECTED')
    using early = await TestPeer.connect(hub)
    early.publish(1, 'a')
    assert.equal((await early.next('goodbye')).code, 'UNEXPECTED')
    using large = await TestPeer.connect(hub)
    large.send('x'.repeat(10_000))
    assert.equal((await large.next('goodbye')).code, 'UNEXPECTED')
    using nameless = await TestPeer.connect(hub)
    nameless.hello('\u202eevil')
    assert.equal((await nameless.next('goodbye')).code, 'MALFORMED')

    well.publish(7, 'still here')
    assert.equal((await well.next('done')).call, 7)
    assert.equal(hub.bugs.length, 0)
  })

  test('gives up a peer that floods', async () => {
    await using hub = await openChannel()
    using peer = await TestPeer.join(hub, 'flood')
    for (let at = 0; at < 5_000; at++) peer.send({ type: 'pong', call: at })
    assert.equal((await peer.next('goodbye')).code, 'RATE_LIMITED')
    using calls = await TestPeer.join(hub, 'calls')
    for (let at = 0; at < 100; at++) calls.publish(at, `${at}`)
    await calls.closed()
    assert.equal(hub.bugs.length, 0)
    await until(() => hub.channel.memory.waitingBytes === 0)
  })

  test('gives up a frame beyond 15 MiB, and forgets what came of one that never ends', async () => {
    await using hub = await openChannel()
    using large = await TestPeer.join(hub, 'large')
    large.send('x'.repeat((15 << 20) + 1))
    await large.closed()
    using half = await TestPeer.join(hub, 'half')
    half.socket.send('x'.repeat(1 << 20), { fin: false })
    await until(() => hub.channel.memory.waitingBytes >= 1 << 20)
    half.socket.terminate()
    await until(() => hub.channel.memory.waitingBytes === 0)
  })

  test('tells a publisher when others have it all', async () => {
    await using hub = await openChannel()
    using an = await TestPeer.join(hub, 'an')
    using binh = await TestPeer.join(hub, 'binh')
    using chi = await TestPeer.join(hub, 'chi')
    an.publish(1, 'a')
    await an.next('done')
    for (const [peer, map] of [
      [an, 'all'],
      [binh, '0-499'],
      [chi, '400-899'],
    ] as const) {
      peer.send({ type: 'pieces', infoHash: INFO_HASH, map })
    }
    await until(() => hub.channel.maps.size === 3)
    hub.pass(1_000)
    assert.equal(an.received.filter(({ type }) => type === 'copies').length, 0)
    chi.send({ type: 'pieces', infoHash: INFO_HASH, map: '400-999' })
    await until(() => hub.channel.holdersOf(INFO_HASH)[2]?.map === '400-999')
    hub.pass(1_000)
    assert.deepEqual(await an.next('copies'), { type: 'copies', infoHash: INFO_HASH, elsewhere: 0, mayLeave: true })
    binh.send({ type: 'pieces', infoHash: INFO_HASH, map: '0-999' })
    await until(() => hub.channel.holdersOf(INFO_HASH)[1]?.map === 'all')
    hub.pass(1_000)
    assert.deepEqual(await an.next('copies'), { type: 'copies', infoHash: INFO_HASH, elsewhere: 1, mayLeave: true })
    binh.socket.terminate()
    await until(() => hub.channel.maps.size === 2)
    hub.pass(1_000)
    assert.deepEqual(await an.next('copies'), { type: 'copies', infoHash: INFO_HASH, elsewhere: 0, mayLeave: false })
  })

  test('asks for maps more often only while somebody looks', async () => {
    const changes: string[] = []
    await using hub = await openChannel(undefined, { onPiecesChanged: (infoHash) => changes.push(infoHash) })
    using an = await TestPeer.join(hub, 'an')
    an.send({ type: 'pieces', infoHash: INFO_HASH, map: '0-9' })
    await until(() => hub.channel.maps.size === 1)
    hub.pass(1_000)
    assert.ok(!hub.events.some(({ type }) => type === 'pieces'))
    hub.channel.watch(INFO_HASH)
    hub.channel.watch(INFO_HASH)
    await an.next('watch')
    an.send({ type: 'pieces', infoHash: INFO_HASH, map: '0-99' })
    an.send({ type: 'pieces', infoHash: INFO_HASH, map: '0-199' })
    using binh = await TestPeer.join(hub, 'binh')
    binh.send({ type: 'pieces', infoHash: INFO_HASH, map: '7' })
    await binh.next('watch')
    hub.pass(1_000)
    const pieces = hub.events.flatMap((event) => (event.type === 'pieces' ? [[event.peer.name, event.have, event.map]] : []))
    assert.deepEqual(pieces, [
      ['an', 200, '0-199'],
      ['binh', 1, '7'],
    ])
    assert.deepEqual(changes, [INFO_HASH, INFO_HASH])
    hub.channel.unwatch(INFO_HASH)
    hub.channel.unwatch(INFO_HASH)
    await an.next('unwatch')
    an.send({ type: 'pieces', infoHash: 'b'.repeat(40), map: 'all' })
    an.publish(1, 'x')
    await an.next('done')
    assert.equal(hub.channel.maps.size, 2)
  })

  test('takes no more connections of an address than it is told', async () => {
    await using hub = await openChannel(undefined, { maxConnectionsPerAddress: 2 })
    using _one = await TestPeer.join(hub, 'one')
    using _two = await TestPeer.join(hub, 'two')
    assert.equal(await refusedWith(hub, CONTROL_PATH, {}), 503)
  })
})
