import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { fromLatin1, latin1 } from '@shoal/protocol/bytes'
import { type AnnounceReply, type AnnounceRequest, isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { buildAnnounceUrl, buildScrapeUrl, parseAnnounceReply, parseScrapeReply } from '@shoal/protocol/tracker/http'
import { type Hub, startHub } from '../hub.ts'

const PEER_ID = fromLatin1('-SH0100-abcdefghijkl')
let nextHash = 0
/** A torrent of its own for every test, so that they share one hub. */
const freshHash = () => fromLatin1(String(nextHash++).padStart(20, 'h'))

let hub: Hub
const bugs: unknown[] = []
before(async () => {
  // Nobody here waits for a minute.
  hub = await startHub({ port: 0, tracker: { minIntervalSeconds: 1 }, onBug: (error) => bugs.push(error) })
})
after(async () => {
  await hub.close()
  assert.deepEqual(bugs, [])
})

const base = () => `http://127.0.0.1:${hub.httpPort}`

function request(infoHash: Uint8Array, more: Partial<AnnounceRequest> = {}): AnnounceRequest {
  return { infoHash, peerId: PEER_ID, port: 6881, uploaded: 0, downloaded: 0, left: 1, ...more }
}

async function announce(infoHash: Uint8Array, more: Partial<AnnounceRequest> = {}): Promise<AnnounceReply> {
  const response = await fetch(buildAnnounceUrl(`${base()}/announce`, request(infoHash, more)))
  assert.equal(response.status, 200)
  const reply = parseAnnounceReply(await response.bytes())
  assert.ok(!isTrackerFailure(reply))
  return reply
}

/** Everything that comes until the hub closes the connection, or `enough` says it is complete. */
function talk(text: string | Uint8Array, enough: (received: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(hub.httpPort, '127.0.0.1', () => socket.write(text))
    let received = ''
    socket.on('data', (chunk) => {
      received += latin1(chunk)
      if (enough(received)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })
}

const target = (infoHash: Uint8Array) => buildAnnounceUrl('http://x/announce', request(infoHash)).slice('http://x'.length)

describe('HTTP tracker', () => {
  test('lets peers find each other, packed and as dictionaries', async () => {
    const infoHash = Uint8Array.from({ length: 20 }, (_, i) => i * 13) // with bytes that are no text
    await announce(infoHash, { port: 7001, left: 0 })
    const packed = await announce(infoHash, { port: 7002 })
    const listed = await announce(infoHash, { port: 7002, compact: false, noPeerId: true })
    assert.deepEqual(packed.peers, [{ host: '127.0.0.1', port: 7001 }])
    assert.deepEqual(listed.peers, packed.peers)
    assert.deepEqual([packed.complete, packed.incomplete, packed.externalIp], [1, 1, '127.0.0.1'])
    assert.ok(packed.intervalSeconds >= 1620 && packed.intervalSeconds <= 1980)
    assert.deepEqual((await announce(infoHash, { port: 7002, event: 'stopped' })).peers, [])
    assert.equal((await announce(infoHash, { port: 7003 })).incomplete, 1)
  })

  test('does not believe an address in the query', async () => {
    const infoHash = freshHash()
    const url = buildAnnounceUrl(`${base()}/announce?ip=192.0.2.1&ipv4=192.0.2.1&ipv6=2001:db8::1`, request(infoHash, { port: 7001 }))
    await (await fetch(url)).bytes()
    assert.deepEqual((await announce(infoHash, { port: 7002 })).peers, [{ host: '127.0.0.1', port: 7001 }])
  })

  test('says in bencode what is wrong with a request', async () => {
    const said = async (query: string) => {
      const response = await fetch(`${base()}${query}`)
      assert.equal(response.status, 200)
      const reply = parseAnnounceReply(await response.bytes())
      return isTrackerFailure(reply) ? reply.failureReason : reply
    }
    assert.equal(await said('/announce'), 'Cannot read this request: info_hash is missing')
    assert.equal(await said('/announce?info_hash=abc'), 'Cannot read this request: info_hash has 3 bytes instead of 20')
    assert.equal(
      await said(target(freshHash()).replace('port=6881', 'port=99999')),
      'Cannot read this request: port is not a number from 0 to 65535',
    )
    assert.equal(await said('/scrape'), 'Cannot read this request: a scrape needs at least one info_hash')
  })

  test('is scraped', async () => {
    const [one, two] = [freshHash(), freshHash()]
    await announce(one, { left: 0 })
    const response = await fetch(buildScrapeUrl(`${base()}/scrape`, [one, two, one]))
    const entries = parseScrapeReply(await response.bytes())
    assert.deepEqual(entries, [
      { infoHash: one, complete: 1, downloaded: 0, incomplete: 0 },
      { infoHash: two, complete: 0, downloaded: 0, incomplete: 0 },
    ])
  })

  test('has a page for people and an answer for machines', async () => {
    const text = await (await fetch(base())).text()
    assert.match(text, /Shoal hub/)
    assert.ok(text.includes(hub.urls.http) && text.includes(hub.urls.udp))
    const page = await fetch(base(), { headers: { accept: 'text/html' } })
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.match(await page.text(), /<h1>Shoal hub<\/h1>/)
    assert.equal(await (await fetch(`${base()}/healthz`)).text(), 'ok\n')
  })

  test('answers other paths and methods with what would be right', async () => {
    const missing = await fetch(`${base()}/announce.php`)
    assert.equal(missing.status, 404)
    assert.match(await missing.text(), /\/announce/)
    const post = await fetch(`${base()}/announce`, { method: 'POST', body: 'x'.repeat(100_000) })
    assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET'])
    const head = await fetch(`${base()}/healthz`, { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '3', ''])
    assert.equal((await fetch(`${base()}/announce`, { method: 'HEAD' })).status, 405)
  })

  test('answers many requests on one connection, also when they come at once', async () => {
    const hashes = [freshHash(), freshHash(), freshHash()]
    const text = hashes.map((infoHash) => `GET ${target(infoHash)} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')
    const received = await talk(text, (so) => so.split('interval').length - 1 >= 2 * 3)
    assert.equal(received.split('HTTP/1.1 200 OK').length - 1, 3)
    assert.match(received, /connection: keep-alive/i)
  })

  test('answers an old client that closes', async () => {
    const received = await talk(`GET ${target(freshHash())} HTTP/1.0\r\n\r\n`)
    assert.match(received, /^HTTP\/1\.1 200 OK/)
    assert.match(received, /connection: close/i)
  })

  test('answers garbage shortly, closes, and goes on', async () => {
    const random = Uint8Array.from({ length: 500 }, (_, i) => (i * 167 + 13) % 256)
    assert.match(await talk(random), /^HTTP\/1\.1 400/)
    assert.match(await talk('\x13BitTorrent protocol\0\0\0\0\0\0\0\0'), /^HTTP\/1\.1 400/)
    assert.match(await talk('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'), /^HTTP\/1\.1 400/) // TLS
    assert.match(await talk('GET /announce HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400/) // no Host
    assert.match(await talk('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'), /^HTTP\/1\.1 400/)
    assert.match(await talk(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431/)
    assert.match(await talk(`GET /${'y'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`), /^HTTP\/1\.1 431/)
    assert.equal(await (await fetch(`${base()}/healthz`)).text(), 'ok\n')
  })

  test('survives clients that vanish at any point', async () => {
    const whole = `GET ${target(freshHash())} HTTP/1.1\r\nHost: x\r\n\r\n`
    const cuts = Array.from({ length: 40 }, (_, i) => Math.floor((whole.length * (i + 1)) / 40))
    await Promise.all(
      cuts.map(
        (cut) =>
          new Promise<void>((resolve) => {
            const socket = connect(hub.httpPort, '127.0.0.1', () => socket.write(whole.slice(0, cut), () => socket.resetAndDestroy()))
            socket.on('error', () => {})
            socket.on('close', () => resolve())
          }),
      ),
    )
    assert.equal(await (await fetch(`${base()}/healthz`)).text(), 'ok\n')
  })

  test('takes a request that arrives byte by byte', async () => {
    const text = `GET ${target(freshHash())} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const received = await new Promise<string>((resolve) => {
      let all = ''
      const socket = connect(hub.httpPort, '127.0.0.1', () => {
        let at = 0
        const next = () => {
          if (at < text.length) socket.write(text[at++]!, next)
        }
        next()
      })
      socket.on('data', (chunk) => {
        all += latin1(chunk)
      })
      socket.on('close', () => resolve(all))
    })
    assert.match(received, /^HTTP\/1\.1 200 OK/)
  })
})
