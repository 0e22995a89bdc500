import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { fromLatin1, latin1 } from '@shoal/protocol/bytes'
import { type AnnounceRequest, isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { buildAnnounceUrl, buildScrapeUrl, encodeAnnounceReply, parseAnnounceReply, parseScrapeReply } from '@shoal/protocol/tracker/http'
import { REAL_HUB_SYSTEM } from '../src/system.ts'
import { MembersOnly } from '../src/tracker/access.ts'
import { DEFAULT_TRACKER_OPTIONS, Tracker } from '../src/tracker/announce.ts'
import { HttpTracker } from '../src/tracker/http.ts'
import { packedReply } from '../src/tracker/http-answers.ts'

const KEY = 'key-of-a-member'
const HASH = fromLatin1('h'.repeat(20))
const bugs: unknown[] = []
let port = 0
let door: HttpTracker

/** What the rest of the hub would be: it says what it got. */
function fallback(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/bug') throw new Error('a bug of the fallback')
  let body = ''
  request.on('data', (chunk: Buffer) => {
    body += latin1(chunk)
  })
  request.on('end', () => {
    response.setHeader('connection', request.headers.connection ?? 'keep-alive')
    response.end(`${request.method} ${request.url} ${body.length} ${body.slice(0, 20)}`)
  })
}

function upgrade(_: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
  socket.write(head)
  socket.pipe(socket)
}

const tracker = new Tracker(
  { ...DEFAULT_TRACKER_OPTIONS, minIntervalSeconds: 1, trustedProxies: ['127.0.0.0/8'] },
  REAL_HUB_SYSTEM,
  new MembersOnly({ isGood: (key) => key === KEY }),
)

before(async () => {
  door = new HttpTracker(
    tracker,
    { fallback, upgrade, onBug: (error) => bugs.push(error) },
    { maxConnections: 1_000, maxConnectionsPerAddress: 100 },
  )
  port = await door.listen('127.0.0.1', 0)
})
after(() => door.close())

const base = () => `http://127.0.0.1:${port}`

function query(more: Partial<AnnounceRequest> = {}): string {
  const announced = { infoHash: HASH, peerId: HASH, port: 7001, uploaded: 0, downloaded: 0, left: 1, ...more }
  return buildAnnounceUrl('http://h/announce', announced).slice('http://h/announce'.length)
}

async function announce(path: string, headers: Record<string, string> = {}, more: Partial<AnnounceRequest> = {}) {
  return parseAnnounceReply(await (await fetch(`${base()}${path}${query(more)}`, { headers })).bytes())
}

/** Everything that comes back until the hub closes, or until `enough`. */
function talk(parts: readonly string[], enough: (received: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => {
      const next = (at: number): void => {
        if (at < parts.length) socket.write(fromLatin1(parts[at]!), () => setImmediate(next, at + 1))
      }
      next(0)
    })
    socket.on('data', (chunk) => {
      received += latin1(chunk)
      if (enough(received)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })
}

describe('the door of a members-only hub', () => {
  test('opens with a key in the path, for announces and scrapes', async () => {
    const seed = await announce(`/a/${KEY}/announce`, {}, { left: 0 })
    assert.ok(!isTrackerFailure(seed))
    const other = await announce(`/a/${KEY}/announce`, {}, { port: 7002 })
    assert.ok(!isTrackerFailure(other))
    assert.deepEqual(other.peers, [{ host: '127.0.0.1', port: 7001 }])
    const scraped = parseScrapeReply(await (await fetch(buildScrapeUrl(`${base()}/a/${KEY}/scrape`, [HASH]))).bytes())
    assert.deepEqual(scraped, [{ infoHash: HASH, complete: 1, downloaded: 0, incomplete: 1 }])
  })

  test('says the same to every other key, and repeats none', async () => {
    const answers = new Set<string>()
    for (const path of ['/announce', '/a/some-other-key/announce', '/a//announce', '/a/%00/announce']) {
      const text = await (await fetch(`${base()}${path}${query()}`)).text()
      assert.match(text, /^d14:failure reason.*8:intervali3600e8:retry ini60ee$/)
      answers.add(text)
    }
    assert.equal(answers.size, 1)
    const scraped = parseScrapeReply(await (await fetch(buildScrapeUrl(`${base()}/scrape`, [HASH]))).bytes())
    assert.ok(isTrackerFailure(scraped))
  })

  test('believes the proxies that it was told of', async () => {
    const path = `/a/${KEY}/announce`
    await announce(path, { 'x-forwarded-for': '6.6.6.6, 198.51.100.7' }, { port: 7100, infoHash: fromLatin1('p'.repeat(20)) })
    // by way of Node's server too: an unusual header takes the request there
    await announce(path, { 'x-forwarded-for': '198.51.100.8', te: 'trailers' }, { port: 7101, infoHash: fromLatin1('p'.repeat(20)) })
    const reply = await announce(path, { 'x-forwarded-for': '198.51.100.9' }, { port: 7102, infoHash: fromLatin1('p'.repeat(20)) })
    assert.ok(!isTrackerFailure(reply))
    assert.deepEqual(reply.peers.map(({ host }) => host).sort(), ['198.51.100.7', '198.51.100.8'])
    assert.equal(reply.externalIp, '198.51.100.9')
  })
})

describe('the door', () => {
  const target = `/a/${KEY}/announce${query({ port: 7003, infoHash: fromLatin1('d'.repeat(20)) })}`
  const plain = `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`

  test('gives everything else to the rest of the hub, with its body', async () => {
    assert.equal(await (await fetch(`${base()}/v1/things?x=1`)).text(), 'GET /v1/things?x=1 0 ')
    const posted = await fetch(`${base()}/announce/upload`, { method: 'POST', body: 'b'.repeat(1_000_000) })
    assert.equal(await posted.text(), `POST /announce/upload 1000000 ${'b'.repeat(20)}`)
    assert.equal(await (await fetch(`${base()}/announce/download?info_hash=x`)).text(), 'GET /announce/download?info_hash=x 0 ')
  })

  test('serves both on one connection, in the order in which they come', async () => {
    const received = await talk(
      [
        plain,
        `${plain}POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab`,
        'cde',
        `GET /page HTTP/1.1\r\nHost: x\r\n\r\n${plain}GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      ],
      undefined,
    )
    const order = [...received.matchAll(/d8:complete|POST \/up 5 abcde|GET \/page|GET \/last/g)].map(([found]) => found)
    assert.deepEqual(order, ['d8:complete', 'd8:complete', 'POST /up 5 abcde', 'GET /page', 'd8:complete', 'GET /last'])
  })

  test('answers a plain announce wherever it is cut in two, byte for byte the same', async () => {
    const closing = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const body = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4).replace(/8:intervali\d+e/, '')
    const whole = body(await talk([closing]))
    assert.match(whole, /^d8:complete/)
    for (let cut = 1; cut < closing.length; cut += 7) {
      assert.equal(body(await talk([closing.slice(0, cut), closing.slice(cut)])), whole, `cut at ${cut}`)
    }
  })

  test('lets a connection become another protocol', async () => {
    const upgrading = request({ port, host: '127.0.0.1', path: '/ws', headers: { connection: 'Upgrade', upgrade: 'echo' } }).end()
    const [, socket] = (await once(upgrading, 'upgrade')) as [IncomingMessage, Duplex]
    socket.write('hello')
    const [echo] = (await once(socket, 'data')) as [Buffer]
    assert.equal(echo.toString(), 'hello')
    socket.destroy()
  })

  test('waits with a body that asks first', async () => {
    const received = await talk([
      'POST /up HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n',
      'ab',
    ])
    assert.match(received, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
    assert.match(received, /POST \/up 2 ab$/)
  })

  test('lets nobody smuggle a request past it', async () => {
    const smuggled = `GET /announce HTTP/1.1\r\nHost: x\r\nContent-Length: ${plain.length}\r\n\r\n${plain}`
    assert.equal((await talk([`${smuggled}GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`])).split('d8:complete').length - 1, 0)
    for (const header of [
      'Content-Length: 5\r\nTransfer-Encoding: chunked',
      'Content-Length: 5\r\nContent-Length: 6',
      'Transfer-Encoding: chunked, x',
      ' Content-Length: 5',
    ]) {
      const received = await talk([`GET ${target} HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`])
      assert.match(received, /^HTTP\/1\.1 400/, header)
      assert.ok(!received.includes('d8:complete'))
    }
  })

  test('answers half-closed and impatient callers', async () => {
    const half = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    half.end(plain)
    let received = ''
    for await (const chunk of half) received += latin1(chunk as Buffer)
    assert.match(received, /d8:complete/)
    const many = await talk([plain.repeat(40)], (so) => so.split('d8:complete').length > 40)
    assert.equal(many.split('d8:complete').length - 1, 40)
  })

  test('turns a bug of the rest into a 500, and tells it', async () => {
    assert.equal((await fetch(`${base()}/bug`)).status, 500)
    assert.match(String(bugs.splice(0)[0]), /a bug of the fallback/)
  })

  test('packs answers as the general encoder does', () => {
    const peers = { peers4: Uint8Array.from({ length: 12 }, (_, at) => at), peers6: Uint8Array.from({ length: 36 }, (_, at) => at) }
    for (const some of [peers, { ...peers, peers6: new Uint8Array(0) }, { peers4: new Uint8Array(0), peers6: new Uint8Array(0) }]) {
      for (const host of ['192.0.2.1', '2001:db8::1']) {
        const reply = { intervalSeconds: 1_800, minIntervalSeconds: 60, complete: 1, incomplete: 22, downloaded: 333, ...some }
        const address =
          host === '192.0.2.1' ? Uint8Array.of(192, 0, 2, 1) : Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
        assert.deepEqual(
          new Uint8Array(packedReply(reply, address, () => '')),
          encodeAnnounceReply({ ...reply, externalIp: host }, { compact: true }),
        )
      }
    }
  })
})
