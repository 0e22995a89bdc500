import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { ROLES } from '@shoal/api/permissions'
import type { Problem } from '@shoal/api/problem'
import { RawReply } from '@shoal/door/route'
import Type from 'typebox'
import { type HubRoute, route } from '../src/http/route.ts'
import { type OpenDoor, openDoor } from './web-door-fakes.ts'

const Named = Type.Object({ name: Type.String({ minLength: 1, maxLength: 10 }) }, { additionalProperties: false })
const Told = Type.Object({ told: Type.String() })

function testRoutes(onWrite: () => void = () => undefined): HubRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/things/:id',
      summary: 'A thing',
      needs: 'files:read',
      params: Type.Object({ id: Type.String({ maxLength: 8 }) }),
      query: Type.Object(
        { limit: Type.Optional(Type.Integer({ maximum: 100 })), tag: Type.Optional(Type.Array(Type.String())) },
        { additionalProperties: false },
      ),
      reply: Told,
      handle: ({ params, query }) => ({ told: JSON.stringify([params.id, query.limit ?? null, query.tag ?? null]) }),
    }),
    route({
      method: 'POST',
      url: '/v1/things',
      summary: 'Makes one',
      needs: 'files:publish',
      body: Named,
      reply: Told,
      status: 201,
      handle: async ({ body }) => {
        onWrite()
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
        return { told: body.name }
      },
    }),
    route({
      method: 'POST',
      url: '/v1/forms',
      summary: 'Takes forms',
      needs: 'public',
      takesForms: true,
      bodyLimit: 200_000,
      body: Type.Object(
        { torrent: Type.String(), tags: Type.Optional(Type.Array(Type.String())), name: Type.Optional(Type.String()) },
        { additionalProperties: false },
      ),
      reply: Told,
      handle: ({ body }) => ({ told: JSON.stringify([body.torrent.length, body.tags ?? [], body.name ?? null]) }),
    }),
    route({
      method: 'DELETE',
      url: '/v1/things',
      summary: 'With a body',
      needs: 'public',
      body: Named,
      reply: Told,
      handle: ({ body }) => ({ told: body.name }),
    }),
    route({ method: 'DELETE', url: '/v1/secret', summary: 'For owners', needs: 'backup:make', handle: () => undefined }),
    route({
      method: 'GET',
      url: '/v1/secret',
      summary: 'For admins',
      needs: 'audit:read',
      reply: Told,
      handle: () => ({ told: 'secret' }),
    }),
    route({
      method: 'GET',
      url: '/v1/bug',
      summary: 'Fails',
      needs: 'public',
      handle: () => Promise.reject(new Error('the inside of it')),
    }),
    route({
      method: 'GET',
      url: '/page',
      summary: 'Text',
      needs: 'public',
      handle: ({ origin }) => new RawReply('text/plain', origin, { etag: '"page-1"' }),
    }),
    route({
      method: 'GET',
      url: '/who',
      summary: 'Who calls',
      needs: 'public',
      reply: Told,
      handle: ({ caller }) => ({ told: caller.ip }),
    }),
  ]
}

async function problemIn(answer: Response, code: string): Promise<Problem> {
  const text = await answer.text()
  assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8', text)
  const problem = JSON.parse(text) as Problem
  assert.equal(problem.code, code, text)
  assert.equal(problem.status, answer.status)
  assert.equal(problem.requestId, answer.headers.get('x-request-id'))
  assert.ok(!/node_modules|\.ts:\d|^ +at /m.test(text), text)
  return problem
}

function post(
  door: OpenDoor,
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(door.url + path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
}

/** A request with headers that fetch would not send, and an address as it stands. */
async function raw(
  door: OpenDoor,
  method: string,
  path: string,
  headers: OutgoingHttpHeaders = {},
): Promise<{ status: number; body: string }> {
  const request = httpRequest({ port: door.port, host: '127.0.0.1', method, path, headers })
  request.end()
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  let body = ''
  for await (const chunk of answer) body += String(chunk)
  return { status: answer.statusCode ?? 0, body }
}

describe('WebDoor', () => {
  test('answers by its routes, with safe headers and a request id', async () => {
    await using door = await openDoor(testRoutes())
    const answer = await fetch(`${door.url}/v1/things/abc?limit=7&tag=a&tag=b%20c`)
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { told: '["abc",7,["a","b c"]]' })
    assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/)
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(answer.headers.get('referrer-policy'), 'same-origin')
    assert.equal(answer.headers.get('access-control-allow-origin'), null)
    assert.match(answer.headers.get('x-request-id') ?? '', /^[\w-]{12}$/)
    assert.equal(await (await fetch(`${door.url}/page`)).text(), door.url)
  })

  test('says with ETag that nothing has changed, and answers HEAD', async () => {
    await using door = await openDoor(testRoutes())
    const first = await fetch(`${door.url}/v1/things/abc`)
    const tag = first.headers.get('etag') ?? ''
    assert.equal(first.headers.get('cache-control'), 'private, no-cache')
    const again = await fetch(`${door.url}/v1/things/abc`, { headers: { 'if-none-match': tag } })
    assert.equal(again.status, 304)
    assert.equal((await fetch(`${door.url}/page`, { headers: { 'if-none-match': 'W/"x", "page-1"' } })).status, 304)
    const head = await fetch(`${door.url}/v1/things/abc`, { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(head.headers.get('content-length'), '30')
    assert.equal(await head.text(), '')
    const secret = await fetch(`${door.url}/v1/secret`, { headers: { authorization: 'Bearer admin' } })
    assert.equal(secret.headers.get('cache-control'), 'no-store')
    assert.equal(secret.headers.get('etag'), null)
  })

  test('refuses what the schemas do not have, field by field', async () => {
    await using door = await openDoor(testRoutes())
    const query = await problemIn(await fetch(`${door.url}/v1/things/abc?limit=1000&foo=1&__proto__=x`), 'VALIDATION')
    assert.deepEqual(query.errors?.map(({ field }) => field).sort(), ['__proto__', 'foo', 'limit'])
    await problemIn(await fetch(`${door.url}/v1/things/abc?limit=7&limit=8`), 'VALIDATION')
    await problemIn(await fetch(`${door.url}/v1/things/abc?limit=7.5`), 'VALIDATION')
    await problemIn(await fetch(`${door.url}/v1/things/abcdefghi`), 'VALIDATION')
    await problemIn(await fetch(`${door.url}/page?x=1`), 'VALIDATION')
    const body = await problemIn(await post(door, '/v1/things', '{"name":"","more":{"__proto__":1}}'), 'VALIDATION')
    assert.deepEqual(body.errors?.map(({ field }) => field).sort(), ['more', 'name'])
    assert.deepEqual((await problemIn(await post(door, '/v1/things', '{}'), 'VALIDATION')).errors, [
      { field: 'name', detail: 'is missing' },
    ])
    await problemIn(await post(door, '/v1/things', '{"name":"a","__proto__":{"x":1}}'), 'VALIDATION')
    await problemIn(await post(door, '/v1/things', '[]'), 'VALIDATION')
    assert.equal(door.bugs.length, 0)
  })

  test('refuses bodies that are no JSON, no UTF-8, too large, of another type, or not wanted', async () => {
    await using door = await openDoor(testRoutes())
    await problemIn(await post(door, '/v1/things', '{"name":'), 'MALFORMED')
    await problemIn(await post(door, '/v1/things', ''), 'MALFORMED')
    await problemIn(await post(door, '/v1/things', '['.repeat(60_000)), 'MALFORMED')
    await problemIn(await post(door, '/v1/things', Uint8Array.from([...Buffer.from('{"name":"'), 0xff, ...Buffer.from('"}')])), 'MALFORMED')
    await problemIn(await post(door, '/v1/things', JSON.stringify({ name: 'x'.repeat(70_000) })), 'TOO_LARGE')
    await problemIn(await post(door, '/v1/things', 'name=a', { 'content-type': 'application/x-www-form-urlencoded' }), 'UNSUPPORTED_TYPE')
    await problemIn(await post(door, '/v1/things', 'x', { 'content-type': 'multipart/form-data; boundary=x' }), 'UNSUPPORTED_TYPE')
    await problemIn(
      await fetch(`${door.url}/v1/secret`, {
        method: 'DELETE',
        body: '{}',
        headers: { authorization: 'Bearer owner', 'content-type': 'application/json' },
      }),
      'VALIDATION',
    )
    assert.equal(door.bugs.length, 0)
  })

  test('takes a form or a bare torrent file where the route says so', async () => {
    await using door = await openDoor(testRoutes())
    const form = new FormData()
    form.append('torrent', new Blob([new Uint8Array(100_000)]), 'a.torrent')
    form.append('tags', 'one')
    form.append('tags', 'two')
    form.append('name', '12')
    const answer = await fetch(`${door.url}/v1/forms`, { method: 'POST', body: form })
    assert.deepEqual(await answer.json(), { told: '[133336,["one","two"],"12"]' })
    const bare = await post(door, '/v1/forms', new Uint8Array(3), { 'content-type': 'application/x-bittorrent' })
    assert.deepEqual(await bare.json(), { told: '[4,[],null]' })

    const large = new FormData()
    large.append('torrent', new Blob([new Uint8Array(300_000)]), 'a.torrent')
    await problemIn(await fetch(`${door.url}/v1/forms`, { method: 'POST', body: large }), 'TOO_LARGE')
    const foreign = new FormData()
    foreign.append('other', new Blob(['x']), 'a.torrent')
    await problemIn(await fetch(`${door.url}/v1/forms`, { method: 'POST', body: foreign }), 'VALIDATION')
    const many = new FormData()
    for (let at = 0; at < 100; at++) many.append('tags', 'x')
    await problemIn(await fetch(`${door.url}/v1/forms`, { method: 'POST', body: many }), 'TOO_LARGE')
    await problemIn(await post(door, '/v1/forms', '--x\r\nnonsense', { 'content-type': 'multipart/form-data; boundary=x' }), 'MALFORMED')
    await problemIn(await post(door, '/v1/forms', 'nonsense', { 'content-type': 'multipart/form-data' }), 'MALFORMED')
    assert.equal(door.bugs.length, 0)
  })

  test('lets each role do what the matrix says, and nobody else', async () => {
    await using door = await openDoor(testRoutes())
    door.accounts.visitors = 'none'
    await problemIn(await fetch(`${door.url}/v1/things/a`), 'NOT_SIGNED_IN')
    await problemIn(await fetch(`${door.url}/v1/things/a`, { headers: { authorization: 'Bearer nobody' } }), 'NOT_SIGNED_IN')
    for (const role of ROLES) {
      const headers = { authorization: `Bearer ${role}` }
      const isAdmin = role === 'owner' || role === 'admin'
      const read = await fetch(`${door.url}/v1/secret`, { headers })
      if (isAdmin) assert.equal(read.status, 200, role)
      else await problemIn(read, 'FORBIDDEN')
      const write = await fetch(`${door.url}/v1/secret`, { method: 'DELETE', headers })
      if (role === 'owner') assert.equal(write.status, 204)
      else await problemIn(write, 'FORBIDDEN')
    }
    assert.equal((await fetch(`${door.url}/page`, { headers: { cookie: 'session=nobody' } })).status, 200)
  })

  test('finds no other way to a route than its one spelling', async () => {
    await using door = await openDoor(testRoutes())
    door.accounts.visitors = 'none'
    const spellings = [
      '/V1/secret',
      '/v1/Secret',
      '/v1/secret/',
      '//v1/secret',
      '/v1//secret',
      '/v1/./secret',
      '/v1/x/../secret',
      '/v1/%2e/secret',
      '/v1/x/%2e%2e/secret',
      '/v1%2fsecret',
      '/v1%2Fsecret',
      '/v1/secret%2f',
      '/v1/secret%00',
      '/v1/secret%20',
      '/v1\\secret',
      '/v1%5csecret',
      '/v1/secret;a=b',
      '/v1/secret.json',
      '/%2fv1/secret',
      '/v1/%73ecret/',
      'http://127.0.0.1/v1/secret',
      '*',
    ]
    for (const path of spellings) {
      for (const authorization of ['Bearer owner', undefined]) {
        const { status, body } = await raw(door, 'GET', path, authorization === undefined ? {} : { authorization })
        assert.equal(status, 404, path)
        assert.ok(!body.includes('"told"'), path)
      }
    }
    // The same bytes with needless percent signs are the same address, with the same lock.
    assert.equal((await raw(door, 'GET', '/v1/%73ecret')).status, 401)
    assert.equal((await raw(door, 'GET', '/v1/%73ecret', { authorization: 'Bearer guest' })).status, 403)
    assert.equal((await raw(door, 'GET', '/v1/%73ecret', { authorization: 'Bearer owner' })).status, 200)
    assert.equal((await raw(door, 'GET', '/v1/%ff')).status, 400)
    assert.equal((await raw(door, 'GET', '/v1/%zz')).status, 400)
    assert.equal((await raw(door, 'GET', '/v1/things/a?x=%ff')).status, 400)
  })

  test('tells the methods that an address has', async () => {
    await using door = await openDoor(testRoutes())
    for (const method of ['PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const request = httpRequest({ port: door.port, method, path: '/v1/secret' })
      request.end()
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      answer.resume()
      assert.equal(answer.statusCode, 405, method)
      assert.equal(answer.headers.allow, 'DELETE, GET, HEAD')
    }
    await problemIn(await fetch(`${door.url}/v1/nothing`, { method: 'PUT', body: 'x' }), 'NOT_FOUND')
  })

  test('keeps the inside of a bug to itself', async () => {
    await using door = await openDoor(testRoutes())
    const answer = await fetch(`${door.url}/v1/bug`)
    assert.ok(!JSON.stringify(await problemIn(answer, 'BUG')).includes('inside of it'))
    assert.match(String(door.bugs[0]), /the inside of it/)
  })

  test('on loopback answers only under names that are its own (rebinding)', async () => {
    await using door = await openDoor(testRoutes(), { reach: { publicUrl: 'https://class.example/hub' } })
    for (const host of ['127.0.0.1:1', 'localhost', '[::1]:6880', 'class.example', 'CLASS.example:443']) {
      assert.equal((await raw(door, 'GET', '/page', { host })).status, 200, host)
    }
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:6880', 'class.example.evil']) {
      assert.equal((await raw(door, 'GET', '/page', { host })).status, 403, host)
    }
  })

  test('writes nothing for a page of another site', async () => {
    let writes = 0
    await using door = await openDoor(testRoutes(() => writes++))
    const refused: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: door.url },
      { cookie: 'session=owner', origin: 'https://evil.example' },
      { cookie: 'session=owner' },
    ]
    const allowed: Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'same-origin' },
      { origin: door.url },
      { cookie: 'session=owner', origin: door.url },
      { authorization: 'Bearer member', origin: 'https://evil.example' },
    ]
    const send = async (headers: Record<string, string>) => {
      const request = httpRequest({
        port: door.port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/v1/things',
        headers: { 'content-type': 'application/json', ...headers },
      })
      request.end('{"name":"a"}')
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      answer.resume()
      return answer.statusCode
    }
    for (const headers of refused) assert.equal(await send(headers), 403, JSON.stringify(headers))
    assert.equal(writes, 0)
    for (const headers of allowed) assert.equal(await send(headers), 201, JSON.stringify(headers))
  })

  test('believes trusted proxies only, and stands below the path that they give it', async () => {
    await using trusting = await openDoor(testRoutes(), {
      reach: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'], publicUrl: 'https://class.example/hub' },
    })
    const who = async (door: OpenDoor, headers: OutgoingHttpHeaders, path = '/who') =>
      (JSON.parse((await raw(door, 'GET', path, headers)).body) as { told: string }).told
    assert.equal(await who(trusting, { 'x-forwarded-for': '198.51.100.7' }, '/hub/who'), '198.51.100.7')
    assert.equal(await who(trusting, { 'x-forwarded-for': '192.0.2.1, 198.51.100.7, 10.1.2.3' }), '198.51.100.7')
    assert.equal(await who(trusting, { 'x-forwarded-for': 'nonsense, 198.51.100.7' }), '198.51.100.7')
    assert.equal(await who(trusting, { 'x-forwarded-for': 'nonsense' }), '127.0.0.1')
    assert.equal((await raw(trusting, 'GET', '/hub/page')).body, 'https://class.example/hub')
    await using plain = await openDoor(testRoutes())
    assert.equal(await who(plain, { 'x-forwarded-for': '198.51.100.7' }), '127.0.0.1')
  })

  test('limits calls, and says how many are left', async () => {
    await using door = await openDoor(testRoutes(), { limits: { write: { burst: 3, perMinute: 1 } }, sparesLocal: false })
    for (const left of [2, 1, 0]) {
      const answer = await post(door, '/v1/things', '{"name":"a"}')
      assert.equal(answer.status, 201)
      assert.match(answer.headers.get('ratelimit') ?? '', new RegExp(`^"write";r=${left};`))
    }
    const refused = await post(door, '/v1/things', '{"name":"a"}')
    assert.ok(Number(refused.headers.get('retry-after')) > 50)
    assert.ok(((await problemIn(refused, 'RATE_LIMITED')).retryAfterSeconds ?? 0) > 50)
    assert.equal((await post(door, '/v1/things', '{"name":"a"}', { authorization: 'Bearer member' })).status, 201)
    assert.equal((await fetch(`${door.url}/v1/things/a`)).status, 200)
  })

  test('runs a write once for one key, in a row and side by side', async () => {
    let writes = 0
    await using door = await openDoor(testRoutes(() => writes++))
    const headers = { 'idempotency-key': 'k1', authorization: 'Bearer member' }
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(door, '/v1/things', '{"name":"a"}', headers)))
    for (const answer of answers) {
      assert.equal(answer.status, 201)
      assert.deepEqual(await answer.json(), { told: 'a' })
    }
    assert.equal((await post(door, '/v1/things', '{"name":"a"}', headers)).headers.get('idempotency-replayed'), 'true')
    assert.equal(writes, 1)
    await problemIn(await post(door, '/v1/things', '{"name":"b"}', headers), 'IDEMPOTENCY_MISMATCH')
    assert.equal((await post(door, '/v1/things', '{"name":"b"}', { ...headers, authorization: 'Bearer owner' })).status, 201)
    await problemIn(await post(door, '/v1/things', '{"name":"b"}', { ...headers, 'idempotency-key': 'x'.repeat(300) }), 'VALIDATION')
    assert.equal(writes, 2)
  })

  test('takes a DELETE with a body, and a type without one', async () => {
    await using door = await openDoor(testRoutes())
    const headers = { 'content-type': 'application/json', authorization: 'Bearer owner' }
    const answer = await fetch(`${door.url}/v1/things`, { method: 'DELETE', body: '{"name":"a"}', headers })
    assert.deepEqual(await answer.json(), { told: 'a' })
    assert.equal((await fetch(`${door.url}/v1/secret`, { method: 'DELETE', headers })).status, 204)
    await problemIn(await fetch(`${door.url}/v1/things`, { method: 'DELETE', headers }), 'MALFORMED')
  })

  test('takes so many large bodies at once', async () => {
    await using door = await openDoor(testRoutes())
    const uploads = Array.from({ length: 16 }, () => {
      const request = httpRequest({
        port: door.port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/v1/forms',
        headers: { 'content-type': 'application/x-bittorrent', 'content-length': 100_000 },
      })
      request.write(Buffer.alloc(10))
      request.on('error', () => undefined)
      return request
    })
    const large = () => post(door, '/v1/forms', new Uint8Array(100_000), { 'content-type': 'application/x-bittorrent' })
    for (;;) {
      const answer = await large()
      if (answer.status === 503) break
      await answer.arrayBuffer()
    }
    assert.equal((await post(door, '/v1/forms', new Uint8Array(100), { 'content-type': 'application/x-bittorrent' })).status, 200)
    for (const upload of uploads) upload.destroy()
    for (;;) if ((await large()).status === 200) break
  })

  test('refuses everything while the hub stops', async () => {
    await using door = await openDoor(testRoutes())
    await door.door.close()
    await problemIn(await fetch(`${door.url}/page`), 'BUSY')
  })

  test('gives up a body that drips', async () => {
    await using door = await openDoor(testRoutes())
    const socket = connect({ port: door.port, host: '127.0.0.1' })
    socket.write('POST /v1/things HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{')
    let received = ''
    socket.on('data', (chunk) => {
      received += String(chunk)
    })
    await once(socket, 'close')
    assert.match(received, /^HTTP\/1\.1 408 /)
  })
})
