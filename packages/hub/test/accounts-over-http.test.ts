import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Account, CreatedInvite, SignedIn } from '@shoal/api/hub-api'
import type { Problem } from '@shoal/api/problem'
import { accountDesk } from './account-desk.ts'
import { ACTORS, expectedOf, MATRIX, type Request, tokenFor, worldFor } from './account-matrix.ts'
import { AccountsWorld, HUB, PASSWORD } from './accounts-world.ts'
import { type OpenDoor, openDoor } from './web-door-fakes.ts'

/** A world behind the real web door, on a real port. */
async function served(world: AccountsWorld, rest: Parameters<typeof openDoor>[1] = {}): Promise<OpenDoor> {
  return await openDoor(accountDesk(world).routes, { authenticator: world.accounts, ...rest })
}

interface Sent {
  readonly token?: string | undefined
  readonly headers?: Record<string, string>
  readonly body?: unknown
}

async function send(door: OpenDoor, method: string, path: string, { token, headers = {}, body }: Sent = {}): Promise<Response> {
  return await fetch(`${door.url}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function codeOf(response: Response): Promise<string> {
  return response.ok ? 'OK' : ((await response.json()) as Problem).code
}

function pathOf(route: string, { params, query }: Request): string {
  const [, url = ''] = route.split(' ')
  const filled = url.replace(/:(\w+)/g, (_, name: string) => (params as Record<string, string>)[name] ?? '')
  const search = new URLSearchParams(query as Record<string, string>).toString()
  return search === '' ? filled : `${filled}?${search}`
}

describe('accounts behind the web door', () => {
  for (const actor of ACTORS) {
    test(`${actor}: may what the matrix says, and not more by another spelling of the path`, async () => {
      for (const row of MATRIX) {
        const world = await worldFor(actor)
        await using door = await served(world)
        const token = await tokenFor(world, actor)
        const expected = expectedOf(row, actor)
        const [method = ''] = row.route.split(' ')
        const given = (await row.request?.(world, await callerOf(world, token))) ?? {}
        const path = pathOf(row.route, given)
        if (expected === 'NOT_SIGNED_IN' || expected === 'FORBIDDEN') {
          for (const variant of spellings(path)) {
            const response = await send(door, method, variant, { token, body: given.body })
            assert.ok(response.status >= 300, `${actor}: ${method} ${variant} was answered ${response.status}`)
            await response.arrayBuffer()
          }
        }
        assert.equal(await codeOf(await send(door, method, path, { token, body: given.body })), expected, `${actor}: ${row.route}`)
        assert.deepEqual(door.bugs, [])
      }
    })
  }

  test('a browser signs in, works, and signs out with a cookie; other sites cannot use it', async () => {
    const world = await AccountsWorld.peopled()
    await using door = await served(world)
    const here = { origin: door.url, 'sec-fetch-site': 'same-origin' }
    const signIn = { name: 'minh', password: PASSWORD, cookie: true }
    const signedIn = await send(door, 'POST', '/v1/sessions', { headers: here, body: signIn })
    assert.equal(signedIn.status, 201)
    assert.equal('token' in ((await signedIn.json()) as SignedIn), false)
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
    assert.match(cookie, /^shoal_session=shoal_s/)

    const account = (await (await send(door, 'GET', '/v1/account', { headers: { cookie } })).json()) as Account
    assert.equal(account.name, 'minh')
    for (const foreign of [{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }, { origin: 'null' }, {}]) {
      const body = { label: 'laptop' }
      const refused = await send(door, 'POST', '/v1/account/announce-keys', { headers: { cookie, ...foreign }, body })
      assert.equal(await codeOf(refused), 'FOREIGN_ORIGIN', JSON.stringify(foreign))
    }
    const out = await send(door, 'DELETE', '/v1/sessions/current', { headers: { cookie, ...here } })
    assert.deepEqual([out.status, out.headers.get('set-cookie')?.startsWith('shoal_session=; Path=/; Max-Age=0;')], [204, true])

    const ended = { cookie, ...here }
    assert.equal(await codeOf(await send(door, 'GET', '/v1/account', { headers: ended })), 'NOT_SIGNED_IN')
    assert.equal((await send(door, 'POST', '/v1/sessions', { headers: ended, body: signIn })).status, 201, 'an ended cookie is no obstacle')
    assert.equal((await send(door, 'DELETE', '/v1/sessions/current', { headers: ended })).status, 204)
  })

  test('over TLS the cookie is bound to the host', async () => {
    const world = await AccountsWorld.peopled()
    await using door = await served(world, { reach: { publicUrl: 'https://class.example' }, allowedHosts: ['127.0.0.1'] })
    const body = { name: 'minh', password: PASSWORD, cookie: true }
    const signedIn = await send(door, 'POST', '/v1/sessions', { body })
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
    assert.match(cookie, /^__Host-shoal=shoal_s/)
    assert.equal((await send(door, 'GET', '/v1/account', { headers: { cookie } })).status, 200)
    const planted = cookie.replace('__Host-shoal', 'shoal_session')
    assert.equal(await codeOf(await send(door, 'GET', '/v1/account', { headers: { cookie: planted } })), 'NOT_SIGNED_IN')
  })

  test('a new hub comes to an owner and an invited member', async () => {
    const world = await AccountsWorld.empty({ registration: 'invite' })
    await using door = await served(world)
    const code = await world.accounts.registrar.setupCode(HUB)
    const setUp = await send(door, 'POST', '/v1/setup', { body: { code, name: 'Olga', password: PASSWORD } })
    const { token } = (await setUp.json()) as SignedIn
    const invited = await send(door, 'POST', '/v1/invites', { token, body: { uses: 2 } })
    const invite = (await invited.json()) as CreatedInvite
    assert.equal(invite.link, `${door.url}/join#${invite.code}`)
    const body = { name: 'Trần Bình', password: PASSWORD, invite: invite.code }
    const registered = (await (await send(door, 'POST', '/v1/accounts', { body })).json()) as SignedIn
    assert.equal(registered.account.role, 'member')
    assert.equal((await send(door, 'GET', '/v1/members', { token: registered.token })).status, 200)
  })

  test('a call with the same idempotency key makes no second account, and its answer is not kept', async () => {
    const world = await AccountsWorld.peopled()
    await using door = await served(world)
    const headers = { 'idempotency-key': 'once' }
    const body = { name: 'An', password: PASSWORD }
    assert.equal(await codeOf(await send(door, 'POST', '/v1/accounts', { headers, body })), 'OK')
    assert.equal(await codeOf(await send(door, 'POST', '/v1/accounts', { headers, body })), 'TAKEN')
    assert.equal(door.calls.rows.size, 0)
  })
})

function callerOf(world: AccountsWorld, token: string | undefined) {
  const authorization = token === undefined ? undefined : `Bearer ${token}`
  return world.accounts.callerOf({ authorization, cookie: undefined, ip: '127.0.0.1', agent: 'test', isLoopback: true })
}

/** Other ways to write a path that something on the way might take for it. */
function spellings(path: string): string[] {
  const rest = path.slice(1)
  return [
    `/${rest.toUpperCase()}`,
    `//${rest}`,
    `${path}/`,
    `/${rest.replace('/', '//')}`,
    `/${rest.replace('/', '%2f')}`,
    `/${rest.replace('/', '%5c')}`,
    `/%${rest.charCodeAt(0).toString(16)}${rest.slice(1)}`,
    `/x/%2e%2e/${rest}`,
    `${path};x=1`,
    `${path}%00`,
    `${path}.json`,
  ]
}
