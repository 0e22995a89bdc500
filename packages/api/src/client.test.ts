import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HubClient } from './client.ts'
import { ClientError } from './client-error.ts'
import { ProblemError, problemOf } from './problem.ts'
import { THIS_PLATFORM, type WebPlatform, type WebRequest } from './web-platform.ts'

interface Asked extends WebRequest {
  readonly url: string
}

/** A hub that answers what the test says, and remembers what it was asked. */
function hubThat(...answers: readonly (Response | Error | 'silence')[]) {
  const asked: Asked[] = []
  const left = [...answers]
  let onTime = (): void => {}
  const platform: WebPlatform = {
    ...THIS_PLATFORM,
    fetch: (url, request) => {
      asked.push({ ...request, url })
      const answer = left.shift() ?? 'silence'
      if (answer instanceof Error) return Promise.reject(answer)
      if (answer !== 'silence') return Promise.resolve(answer)
      return new Promise((_, reject) => {
        if (request.signal.aborted) reject(new Error('aborted'))
        request.signal.addEventListener('abort', () => reject(new Error('aborted')))
      })
    },
    after: (_, callback) => {
      onTime = callback
      return () => {}
    },
    randomUuid: () => `key-${asked.length}`,
  }
  return {
    asked,
    passTime: () => onTime(),
    client: new HubClient({ url: 'http://127.0.0.1:6880/hub/', token: 'secret', hostId: 'host-1', timeoutMs: 2_000, platform }),
  }
}

const json = (body: unknown, status = 200, type = 'application/json') =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': type } })

function failed(code: string): Error {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) })
}

const INVITE = { id: 'i1', role: 'member', usesLeft: 1, createdBy: 'an', createdAt: 1, expiresAt: 2 }
const PEER = { id: 'p', name: 'an', ip: '10.0.0.1', port: 6881, version: 'x', files: 0, connectedAt: 1 }

describe('HubClient', () => {
  test('asks below the prefix, as whoever the token is, and ignores what it does not know', async () => {
    const { client, asked } = hubThat(json({ items: [{ ...INVITE, news: true }], more: 1 }))
    assert.deepEqual(await client.invites(), [{ ...INVITE, news: true }])
    assert.equal(asked[0]?.url, 'http://127.0.0.1:6880/hub/v1/invites')
    assert.equal(asked[0]?.method, 'GET')
    assert.equal(asked[0]?.headers.authorization, 'Bearer secret')
    assert.equal(asked[0]?.headers['idempotency-key'], undefined)
  })

  test('gets every page of a list', async () => {
    const { client, asked } = hubThat(json({ items: [PEER], nextCursor: 'a/b' }), json({ items: [{ ...PEER, id: 'q' }] }))
    assert.deepEqual(
      (await client.peers()).map(({ id }) => id),
      ['p', 'q'],
    )
    assert.equal(asked[1]?.url, 'http://127.0.0.1:6880/hub/v1/peers?cursor=a%2Fb')
  })

  test('sends what is asked, and names in paths, as they have to be', async () => {
    const { client, asked } = hubThat(json({ items: [] }), new Response(null, { status: 204 }))
    await client.files({ q: 'bài giảng & more', limit: 5 })
    await client.withdrawFile('a/../b')
    assert.equal(asked[0]?.url, 'http://127.0.0.1:6880/hub/v1/files?q=b%C3%A0i%20gi%E1%BA%A3ng%20%26%20more&limit=5')
    assert.equal(asked[1]?.url, 'http://127.0.0.1:6880/hub/v1/files/a%2F..%2Fb')
  })

  test('gets a torrent as the bytes that it is, and says which host asks', async () => {
    const { client, asked } = hubThat(
      new Response(new Uint8Array([0x64, 0xff, 0x65]), { headers: { 'content-type': 'application/x-bittorrent' } }),
    )
    assert.deepEqual(await client.torrent('a'.repeat(40)), new Uint8Array([0x64, 0xff, 0x65]))
    assert.equal(asked[0]?.url, `http://127.0.0.1:6880/hub/v1/torrents/${'a'.repeat(40)}/file`)
    assert.equal(asked[0]?.headers.accept, 'application/x-bittorrent')
    assert.equal(asked[0]?.headers['x-shoal-host'], 'host-1')
  })

  test('throws what the hub refuses, with its code and words', async () => {
    const refusal = problemOf(new ProblemError('RATE_LIMITED', 'Too many. Wait', { retryAfterSeconds: 7 }))
    const { client } = hubThat(json(refusal, 429, 'application/problem+json'))
    await assert.rejects(client.stats(), (error: unknown) => {
      assert.ok(error instanceof ProblemError)
      assert.deepEqual([error.code, error.message, error.extras.retryAfterSeconds], ['RATE_LIMITED', 'Too many. Wait', 7])
      return true
    })
  })

  test('takes a code of a newer hub for the one it knows with that status', async () => {
    const refusal = { ...problemOf(new ProblemError('NOT_FOUND', 'gone')), code: 'PEER_ASLEEP' }
    await assert.rejects(hubThat(json(refusal, 404, 'application/problem+json')).client.stats(), { code: 'NOT_FOUND' })
  })

  test('sends a write once more, with the same key, when the connection breaks before the answer', async () => {
    const { client, asked } = hubThat(failed('UND_ERR_SOCKET'), json({ ...INVITE, code: 'c', link: 'l' }))
    assert.equal((await client.invite({ uses: 1 })).code, 'c')
    assert.equal(asked.length, 2)
    assert.equal(asked[0]?.body, '{"uses":1}')
    assert.equal(asked[0]?.headers['idempotency-key'], 'key-0')
    assert.equal(asked[1]?.headers['idempotency-key'], 'key-0')
  })

  test('says that nobody is there, without trying again', async () => {
    const { client, asked } = hubThat(failed('ECONNREFUSED'))
    await assert.rejects(client.stats(), (error: unknown) => {
      assert.ok(error instanceof ClientError)
      assert.equal(error.code, 'HUB_UNREACHABLE')
      assert.match(error.message, /^Cannot reach a hub at http:\/\/127\.0\.0\.1:6880\/hub: nothing listens there\. /)
      return true
    })
    assert.equal(asked.length, 1)
  })

  test('waits so long and no longer', async () => {
    const { client, passTime } = hubThat('silence')
    const stats = client.stats()
    passTime()
    await assert.rejects(stats, { code: 'HUB_SILENT', message: /within 2 s/ })
  })

  test('ends with the reason of the signal', async () => {
    const reason = new Error('Ctrl-C')
    const during = new AbortController()
    const stats = hubThat('silence').client.stats(during.signal)
    during.abort(reason)
    await assert.rejects(stats, reason)
    await assert.rejects(hubThat('silence').client.stats(AbortSignal.abort(reason)), reason)
  })

  test('knows what is no hub', async () => {
    const answers: Response[] = [
      json({ hello: 'world' }),
      new Response('<html>', { headers: { 'content-type': 'text/html' } }),
      new Response('not found', { status: 404 }),
      new Response(null, { status: 301, headers: { location: 'https://elsewhere.example/' } }),
      new Response(new Uint8Array([0x22, 0xff, 0x22])),
      new Response(new Uint8Array(17 << 20).fill(0x20)),
    ]
    for (const answer of answers) await assert.rejects(hubThat(answer).client.stats(), { name: 'ClientError', code: 'HUB_ANSWER' })
  })

  test('refuses what is no address of a hub', () => {
    for (const url of ['127.0.0.1:6880', 'udp://127.0.0.1', 'http://', 'http://user:word@host', 'http://host/?a=b', 'http://a b']) {
      assert.throws(() => new HubClient({ url }), { code: 'HUB_URL' }, url)
    }
    assert.equal(new HubClient({ url: 'HTTPS://hub.example///' }).url, 'HTTPS://hub.example')
  })
})
