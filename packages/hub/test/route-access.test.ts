import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { PERMISSIONS, type Permission, permissionsOf, ROLES, type Role } from '@shoal/api/permissions'
import { type Hub, startHub } from '../src/hub.ts'

const PASSWORD = 'a sentence that nobody guesses'
const VISITOR = 'visitor'
type Who = Role | typeof VISITOR

interface Operation {
  readonly method: string
  readonly path: string
  readonly needs: Permission | 'public'
}

let hub: Hub
let operations: Operation[]
const tokens = new Map<Who, string>()

/** With the path as it stands: fetch would put it right. */
async function ask(method: string, path: string, who: Who, body?: object): Promise<{ status: number; code: string; text: string }> {
  const token = tokens.get(who)
  const sent = body === undefined ? undefined : JSON.stringify(body)
  const request = httpRequest({
    port: hub.httpPort,
    host: '127.0.0.1',
    method,
    path,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
    },
  })
  request.end(sent)
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const isEndless = answer.headers['content-type']?.startsWith('text/event-stream') === true
  if (isEndless) answer.destroy()
  let text = ''
  if (!isEndless) for await (const chunk of answer) text += String(chunk)
  return { status: answer.statusCode ?? 0, code: /"code":"(\w+)"/.exec(text)?.[1] ?? '', text }
}

async function tokenFrom(path: string, body: object, who: Who = VISITOR): Promise<string> {
  const { status, text } = await ask('POST', path, who, body)
  assert.ok(status < 300, text)
  return (JSON.parse(text) as { token: string }).token
}

/** Whatever a route needs in its address, in the right shape and of nothing that exists. */
function filledIn(path: string): string {
  return path.replace('{infoHash}', 'a'.repeat(40)).replace(/\{\w+\}/g, 'nothing')
}

function otherSpellings(path: string): string[] {
  const [first = '', ...rest] = path.slice(1).split('/')
  const last = path.lastIndexOf('/')
  return [
    `${path}/`,
    `/${path}`,
    `/${first.toUpperCase()}${rest.map((part) => `/${part}`).join('')}`,
    `${path.slice(0, last)}//${path.slice(last + 1)}`,
    `${path.slice(0, last)}/./${path.slice(last + 1)}`,
    `${path.slice(0, last)}%2f${path.slice(last + 1)}`,
    `/x/..${path}`,
    `/%2e${path}`,
    `${path}%00`,
    `/${first};a${rest.map((part) => `/${part}`).join('')}`,
    `http://127.0.0.1${path}`,
  ]
}

describe('a members-only hub', () => {
  before(async () => {
    hub = await startHub({ port: 0, settings: { visitors: 'none', registration: 'invite' } })
    const code = hub.setupLink?.split('#')[1] ?? ''
    tokens.set('owner', await tokenFrom('/v1/setup', { code, name: 'owner of it', password: PASSWORD }))
    for (const role of ROLES.slice(1)) {
      const made = await ask('POST', '/v1/invites', 'owner', { role })
      const { code: invite } = JSON.parse(made.text) as { code: string }
      tokens.set(role, await tokenFrom('/v1/accounts', { name: `a ${role}`, password: PASSWORD, invite }))
    }
    const described = JSON.parse((await ask('GET', '/v1/openapi.json', VISITOR)).text) as {
      paths: Record<string, Record<string, { description: string }>>
    }
    operations = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { description }]): Operation => {
        const needs = /Needs the permission `([^`]+)`/.exec(description)?.[1] ?? 'public'
        assert.ok(needs === 'public' || needs in PERMISSIONS, needs)
        return { method: method.toUpperCase(), path, needs: needs as Permission | 'public' }
      }),
    )
  })
  after(() => hub.close())

  test('has the routes that it should have', () => {
    assert.ok(operations.length > 45, `${operations.length} routes`)
    assert.ok(operations.filter(({ needs }) => needs !== 'public').length > 30)
  })

  test('refuses every route to every role that may not call it', async () => {
    for (const { method, path, needs } of operations) {
      if (needs === 'public') continue
      for (const who of [VISITOR, ...ROLES] as const) {
        const may = who !== VISITOR && permissionsOf(who).has(needs)
        // What may be done is done where it changes nothing; the rooms test what it does.
        if (may && method !== 'GET') continue
        const { status, code, text } = await ask(method, filledIn(path), who, method === 'GET' ? undefined : {})
        const what = `${who}: ${method} ${path} answers ${status} ${text.slice(0, 200)}`
        if (may) assert.ok(status !== 401 && status !== 403 && status !== 500, what)
        else if (who === VISITOR) assert.deepEqual([status, code], [401, 'NOT_SIGNED_IN'], what)
        else assert.deepEqual([status, code], [403, 'FORBIDDEN'], what)
      }
    }
  })

  test('has nothing at any other spelling of an address, for nobody', async () => {
    for (const { method, path } of operations) {
      if (path === '/') continue
      for (const spelling of otherSpellings(filledIn(path))) {
        for (const who of ['owner', VISITOR] as const) {
          const { status, text } = await ask(method, spelling, who, method === 'GET' ? undefined : {})
          assert.ok(status === 404 || status === 400, `${who}: ${method} ${spelling} answers ${status} ${text.slice(0, 200)}`)
        }
      }
    }
  })

  test('takes no body where none belongs, and no parameter that it does not know', async () => {
    for (const { method, path } of operations) {
      if (method !== 'GET') continue
      const withMore = await ask('GET', `${filledIn(path)}?surely-not-a-parameter=1`, 'owner')
      assert.ok(
        withMore.status === 400 || path.includes('torznab'),
        `GET ${path} answers ${withMore.status} ${withMore.text.slice(0, 100)}`,
      )
      const withBody = await ask('GET', filledIn(path), 'owner', { a: 1 })
      assert.equal(withBody.status, 400, `GET ${path} takes a body`)
    }
  })
})
