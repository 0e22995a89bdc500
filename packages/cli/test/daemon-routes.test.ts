import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DaemonClient } from '@shoal/api/daemon-client'
import { AS_OWNER, openDaemonDoor, rawCall, TOKEN } from './daemon-door.ts'
import { FIRST_ID, OTHER_ID, torrentItem } from './fake-desk.ts'

/** What stands in an address for each part of a route's pattern. */
const IN_PLACE: Readonly<Record<string, string>> = { id: FIRST_ID, index: '0', hub: 'hub-1', name: 'film' }

function addressOf(pattern: string): string {
  return pattern.replace(/:(\w+)/g, (_, name: string) => IN_PLACE[name] ?? 'x')
}

function codeIn(body: Buffer): string {
  return (JSON.parse(body.toString()) as { code: string }).code
}

describe('the daemon’s API', () => {
  test('answers nobody without the token, whatever is asked', async () => {
    await using door = await openDaemonDoor()
    const { server, desk } = door
    const guarded = server.routes.filter(({ needs }) => needs !== 'public')
    assert.ok(guarded.length >= 35)
    for (const { method, url, body } of guarded) {
      const about = `${method} ${url}`
      const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
      const sent = body === undefined ? undefined : '{}'
      const unknown = await rawCall(server.url + addressOf(url), method, headers, sent)
      assert.deepEqual([unknown.status, codeIn(unknown.body)], [401, 'NOT_SIGNED_IN'], about)
      const wrong = await rawCall(server.url + addressOf(url), method, { ...headers, authorization: `Bearer ${'U'.repeat(43)}` }, sent)
      assert.deepEqual([wrong.status, codeIn(wrong.body)], [401, 'NOT_SIGNED_IN'], about)
    }
    assert.deepEqual(desk.asked, [])
  })

  test('says to everybody only that it is there, and what it could do', async () => {
    await using door = await openDaemonDoor()
    const open = door.server.routes.filter(({ needs }) => needs === 'public').map(({ method, url }) => `${method} ${url}`)
    assert.deepEqual(open.toSorted(), [
      'GET /',
      'GET /docs/api',
      'GET /healthz',
      'GET /readyz',
      'GET /v1/openapi.json',
      'GET /v1/torrents/:id/files/:index/content',
    ])
    for (const path of ['/', '/healthz', '/readyz', '/docs/api', '/v1/openapi.json']) {
      const answer = await rawCall(door.server.url + path, 'GET')
      assert.equal(answer.status, 200, path)
      assert.ok(!answer.body.includes(TOKEN), path)
    }
  })

  test('answers under no name that a stranger could own, and never to a page of another site', async () => {
    await using door = await openDaemonDoor()
    const { server, desk } = door
    const list = `${server.url}/v1/torrents`
    for (const host of ['evil.example', `evil.example:${server.port}`, 'localhost.evil.example', '127.0.0.1.evil.example']) {
      const answer = await rawCall(list, 'GET', { ...AS_OWNER, host })
      assert.deepEqual([answer.status, codeIn(answer.body)], [403, 'FOREIGN_ORIGIN'], host)
    }
    for (const host of [`127.0.0.1:${server.port}`, `localhost:${server.port}`]) {
      assert.equal((await rawCall(list, 'GET', { ...AS_OWNER, host })).status, 200, host)
    }
    const json = { 'content-type': 'application/json' }
    for (const headers of [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: `http://127.0.0.1:${server.port + 1}` },
      { cookie: 'session=1' },
    ]) {
      const answer = await rawCall(`${server.url}/v1/torrents`, 'POST', { ...json, ...headers }, '{"link":"magnet:?"}')
      assert.deepEqual([answer.status, codeIn(answer.body)], [403, 'FOREIGN_ORIGIN'], JSON.stringify(headers))
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    }
    // what a browser asks before a call with headers of its own
    const preflight = await rawCall(list, 'OPTIONS', { origin: 'http://evil.example', 'access-control-request-method': 'POST' })
    assert.equal(preflight.status, 405)
    assert.equal(preflight.headers['access-control-allow-origin'], undefined)
    assert.deepEqual(desk.asked, [])
  })

  test('takes the calls of the client for its own', async () => {
    await using door = await openDaemonDoor()
    const { server, desk } = door
    const client = new DaemonClient({ url: server.url, token: TOKEN })
    assert.equal((await client.facts()).torrents, 1)
    assert.equal((await client.changeSettings({ peerName: 'binh' })).peerName, 'binh')
    assert.equal((await client.settings()).peerName, 'an')
    assert.deepEqual(await client.history('year'), [])
    assert.deepEqual(
      (await client.torrents()).map(({ id }) => id),
      [FIRST_ID],
    )
    assert.equal((await client.torrent(FIRST_ID)).pieces, 'none')
    assert.equal((await client.torrentFiles(FIRST_ID)).length, 1)
    assert.deepEqual(await client.torrentPeers(FIRST_ID), [])
    assert.deepEqual(await client.trackers(FIRST_ID), [])
    assert.equal((await client.log(FIRST_ID)).length, 1)
    assert.equal((await client.add({ link: `magnet:?xt=urn:btih:${OTHER_ID}` })).torrent.id, OTHER_ID)
    await client.change(FIRST_ID, { labels: ['one'], downloadLimit: null })
    for (const action of ['pause', 'resume', 'recheck', 'announce'] as const) await client.act(FIRST_ID, action)
    await client.move(FIRST_ID, { dir: '/elsewhere' })
    assert.equal((await client.remove(FIRST_ID, { data: 'recycle' })).uploaded, 2)
    await client.remove(FIRST_ID, {})
    await client.create({ path: '/somewhere' })
    await client.creations()
    await client.creation('c1')
    await client.cancelCreation('c1')
    await client.hubs()
    await client.connect({ url: 'hub.example:6880' })
    await client.signIn('hub-1', { name: 'an', password: 'secret' })
    await client.register('hub-1', { name: 'an', password: 'secret', invite: 'i' })
    await client.signOut('hub-1')
    await client.publish({ path: '/somewhere/film', name: 'film' })
    await client.publications()
    await client.unpublish('hub-1', 'a film: 2')
    await client.fetch({ what: 'film', from: 'binh' })
    await client.hubFiles('hub-1', { q: 'film', limit: 10 })
    await client.hubPeers('hub-1')
    await client.hubPieces('hub-1', FIRST_ID)
    await client.ping('hub-1', { ip: '192.0.2.1', port: 6881 })
    await client.forgetHub('hub-1')
    assert.deepEqual(door.bugs, [])
    assert.deepEqual(
      desk.asked.map(({ verb, what }) => [verb, ...what]),
      [
        ['changeSettings', { peerName: 'binh' }],
        ['readHistory', 'year'],
        ['addTorrent', { link: `magnet:?xt=urn:btih:${OTHER_ID}` }],
        ['changeTorrent', FIRST_ID, { labels: ['one'], downloadLimit: null }],
        ...['pause', 'resume', 'recheck', 'announce'].map((action) => ['actOnTorrent', FIRST_ID, action]),
        ['moveTorrent', FIRST_ID, { dir: '/elsewhere' }],
        ['removeTorrent', FIRST_ID, { data: 'recycle' }],
        ['removeTorrent', FIRST_ID, {}],
        ['startCreation', { path: '/somewhere' }],
        ['showCreation', 'c1'],
        ['cancelCreation', 'c1'],
        ['connectHub', { url: 'hub.example:6880' }],
        ['signIn', 'hub-1', { name: 'an', password: 'secret' }],
        ['register', 'hub-1', { name: 'an', password: 'secret', invite: 'i' }],
        ['signOut', 'hub-1'],
        ['publish', { path: '/somewhere/film', name: 'film' }],
        ['unpublish', 'a film: 2', 'hub-1'],
        ['fetch', { what: 'film', from: 'binh' }],
        ['listHubFiles', { q: 'film', limit: 10 }, 'hub-1'],
        ['listHubPeers', 'hub-1'],
        ['listHolders', FIRST_ID, 'hub-1'],
        ['pingPeer', { ip: '192.0.2.1', port: 6881 }, 'hub-1'],
        ['forgetHub', 'hub-1'],
      ],
    )
  })

  test('refuses in the words of the contract what is not there, or breaks a rule', async () => {
    await using door = await openDaemonDoor()
    const client = new DaemonClient({ url: door.server.url, token: TOKEN })
    await assert.rejects(client.torrent(OTHER_ID), { code: 'NOT_FOUND' })
    await assert.rejects(client.torrent('no-hash'), { code: 'VALIDATION' })
    await assert.rejects(client.change(FIRST_ID, { downloadLimit: -1 }), { code: 'VALIDATION' })
    await assert.rejects(client.move(FIRST_ID, { dir: '/home-of-an/peer/torrents' }), { code: 'VALIDATION', message: /own folder/ })
    await assert.rejects(client.move(FIRST_ID, { dir: '' }), { code: 'VALIDATION' })
    await assert.rejects(client.remove(FIRST_ID, { data: 'burn' as 'keep' }), { code: 'VALIDATION' })
    const add = (body: string) =>
      rawCall(`${door.server.url}/v1/torrents`, 'POST', { ...AS_OWNER, 'content-type': 'application/json' }, body)
    assert.equal(codeIn((await add('{"link":1}')).body), 'VALIDATION')
    assert.equal(codeIn((await add('{"link":"x","run":"rm"}')).body), 'VALIDATION')
    assert.equal(codeIn((await add('{')).body), 'MALFORMED')
    assert.equal(codeIn((await add(`{"metainfo":"${'A'.repeat(16 << 20)}"}`)).body), 'TOO_LARGE')
    assert.deepEqual(door.desk.asked, [])
    assert.deepEqual(door.bugs, [])
  })

  test('runs a write once, however often it is sent', async () => {
    await using door = await openDaemonDoor()
    const send = () =>
      rawCall(
        `${door.server.url}/v1/torrents`,
        'POST',
        { ...AS_OWNER, 'content-type': 'application/json', 'idempotency-key': 'k1' },
        `{"link":"${OTHER_ID}"}`,
      )
    const [first, again] = [await send(), await send()]
    assert.deepEqual([first.status, again.status], [201, 201])
    assert.deepEqual(first.body, again.body)
    assert.equal(door.desk.asked.length, 1)
  })

  test('acknowledges a write when it is on the disk, and reads meanwhile', async () => {
    await using door = await openDaemonDoor()
    const { promise, resolve } = Promise.withResolvers<void>()
    door.disk.saved = promise
    let isSaved = false
    const client = new DaemonClient({ url: door.server.url, token: TOKEN })
    const changed = client.change(FIRST_ID, { labels: ['one'] }).then(() => assert.ok(isSaved))
    assert.equal((await client.torrents()).length, 1)
    isSaved = true
    resolve()
    await changed
  })

  test('lists more torrents than a page has, page after page', async () => {
    await using door = await openDaemonDoor()
    const ids = Array.from({ length: 12_345 }, (_, at) => at.toString(16).padStart(40, '0'))
    door.desk.torrents.splice(0, 1, ...ids.map(torrentItem))
    const client = new DaemonClient({ url: door.server.url, token: TOKEN })
    assert.deepEqual(
      (await client.torrents()).map(({ id }) => id),
      ids,
    )
    const answer = await rawCall(`${door.server.url}/v1/torrents?cursor=!`, 'GET', AS_OWNER)
    assert.equal(codeIn(answer.body), 'VALIDATION')
  })

  test('gives the .torrent file, to be saved', async () => {
    await using door = await openDaemonDoor()
    const answer = await rawCall(`${door.server.url}/v1/torrents/${FIRST_ID}/metainfo`, 'GET', AS_OWNER)
    assert.equal(answer.body.toString(), 'd4:infodee')
    assert.equal(answer.headers['content-type'], 'application/x-bittorrent')
    assert.match(String(answer.headers['content-disposition']), /^attachment/)
  })

  test('passes on that it is to stop', async () => {
    await using door = await openDaemonDoor()
    const answer = await rawCall(`${door.server.url}/v1/daemon/stop`, 'POST', AS_OWNER)
    assert.equal(answer.status, 202)
    assert.equal(door.stopsAsked.count, 1)
  })

  test('takes the next port when others hold the first', async () => {
    await using one = await openDaemonDoor()
    const { DaemonServer } = await import('../src/daemon-http/daemon-server.ts')
    const other = await DaemonServer.open({
      torrents: one.desk,
      hubs: one.desk,
      subscribe: (listener) => one.desk.subscribe(listener),
      token: TOKEN,
      folder: '/home-of-an/peer',
      port: one.server.port,
      version: '0.1.0',
      system: { now: () => 0, wallClock: () => 0, randomBytes: (length) => new Uint8Array(length) },
      onStopAsked: () => undefined,
      onBug: () => undefined,
    })
    assert.ok(other.port > one.server.port && other.port <= one.server.port + 20)
    await other.close()
  })
})
