import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Account, CreatedInvite, CreatedToken, SignedIn } from '@shoal/api/hub-api'
import type { Problem } from '@shoal/api/problem'
import { WebSocket } from 'ws'
import { type Hub, startHub } from '../src/hub.ts'

const PASSWORD = 'a sentence that nobody guesses'

/** A whole members-only hub with its database on a disk, an owner and an invited member. */
async function withHub(scene: (hub: TestHub) => Promise<void>): Promise<void> {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'shoal-members-'))
  try {
    const hub = new TestHub(stateDirectory)
    await hub.start()
    try {
      await scene(hub)
    } finally {
      await hub.stop()
    }
  } finally {
    await rm(stateDirectory, { recursive: true })
  }
}

class TestHub {
  readonly stateDirectory: string
  readonly bugs: unknown[] = []
  hub: Hub | undefined

  constructor(stateDirectory: string) {
    this.stateDirectory = stateDirectory
  }

  async start(): Promise<void> {
    const { stateDirectory } = this
    this.hub = await startHub({
      port: 0,
      stateDirectory,
      settings: { visitors: 'none', registration: 'invite' },
      onBug: (bug) => this.bugs.push(bug),
    })
  }

  async stop(): Promise<void> {
    await this.hub?.close()
    assert.deepEqual(this.bugs, [])
  }

  get url(): string {
    return `http://127.0.0.1:${this.hub?.httpPort}`
  }

  async call(method: string, path: string, token?: string, body?: unknown): Promise<{ code: string; body: unknown }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const value: unknown = text === '' ? undefined : JSON.parse(text)
    return { code: response.ok ? 'OK' : (value as Problem).code, body: value }
  }

  async setUp(): Promise<string> {
    const code = this.hub?.setupLink?.split('#')[1] ?? ''
    const { body } = await this.call('POST', '/v1/setup', undefined, { code, name: 'Olga', password: PASSWORD })
    return (body as SignedIn).token ?? ''
  }

  async admit(owner: string, name: string, more: object = {}): Promise<SignedIn & { token: string }> {
    const { code: invite } = (await this.call('POST', '/v1/invites', owner, more)).body as CreatedInvite
    const { body } = await this.call('POST', '/v1/accounts', undefined, { name, password: PASSWORD, invite })
    return body as SignedIn & { token: string }
  }

  /** What the tracker says to an announce with this URL. */
  async announce(url: string): Promise<string> {
    const response = await fetch(
      `${url}?info_hash=${'a'.repeat(20)}&peer_id=${'p'.repeat(20)}&port=6881&left=0&uploaded=1&downloaded=0&compact=1`,
    )
    return await response.text()
  }
}

async function openControl(hub: TestHub, token: string): Promise<WebSocket> {
  const socket = new WebSocket(`${hub.url.replace('http', 'ws')}/v1/control`, { headers: { authorization: `Bearer ${token}` } })
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'hello', hostKey: 'A'.repeat(43), name: 'laptop', port: 6881, version: 'test' }))
  await once(socket, 'message')
  return socket
}

describe('a members-only hub', () => {
  test('ends everything of a banned member at once: API, announces, events, control channel', () =>
    withHub(async (hub) => {
      const owner = await hub.setUp()
      const { token, account } = await hub.admit(owner, 'Minh')
      const feed = (await hub.call('POST', '/v1/account/tokens', token, { label: 'feed', scopes: ['feed'] })).body as CreatedToken
      const announceUrl = account.announceUrls.find((url) => url.startsWith('http')) ?? ''
      assert.doesNotMatch(await hub.announce(announceUrl), /failure reason/)
      assert.match(await hub.announce(`${hub.url}/announce`), /failure reason/)
      const control = await openControl(hub, token)
      const events = await fetch(`${hub.url}/v1/events`, { headers: { authorization: `Bearer ${token}` } })
      assert.equal(events.status, 200)

      const closed = once(control, 'close')
      const ended = events.text()
      assert.equal((await hub.call('PATCH', `/v1/members/${account.id}`, owner, { isBanned: true })).code, 'OK')
      await Promise.all([closed, ended])
      for (const gone of [token, feed.token]) assert.equal((await hub.call('GET', '/v1/files', gone)).code, 'NOT_SIGNED_IN')
      assert.match(await hub.announce(announceUrl), /failure reason/)
      assert.equal((await hub.call('POST', '/v1/sessions', undefined, { name: 'Minh', password: PASSWORD })).code, 'FORBIDDEN')
    }))

  test('keeps accounts, sessions and keys over a restart, and has a new operator', () =>
    withHub(async (hub) => {
      const owner = await hub.setUp()
      const { token, account } = await hub.admit(owner, 'Minh')
      const operatorBefore = await readFile(join(hub.stateDirectory, 'operator-token'), 'utf8')
      assert.equal((await hub.call('GET', '/v1/settings', operatorBefore.trim())).code, 'OK')
      await hub.stop()
      await assert.rejects(readFile(join(hub.stateDirectory, 'operator-token')), { code: 'ENOENT' })
      await hub.start()
      assert.equal(hub.hub?.setupLink, undefined)
      const again = (await hub.call('GET', '/v1/account', token)).body as Account
      const keyOf = (urls: readonly string[]) => urls.map((url) => url.split('/').at(-2))
      assert.deepEqual(keyOf(again.announceUrls), keyOf(account.announceUrls))
      assert.equal((await hub.call('GET', '/v1/settings', operatorBefore.trim())).code, 'NOT_SIGNED_IN')
      const operator = (await readFile(join(hub.stateDirectory, 'operator-token'), 'utf8')).trim()
      assert.equal((await hub.call('GET', '/v1/settings', operator)).code, 'OK')
    }))

  test('lets as many in as an invite has uses, and keeps its last owner, whatever happens at the same moment', () =>
    withHub(async (hub) => {
      const owner = await hub.setUp()
      const { code: invite } = (await hub.call('POST', '/v1/invites', owner, { uses: 2 })).body as CreatedInvite
      const codes = await Promise.all(
        Array.from(
          { length: 8 },
          async (_, i) => (await hub.call('POST', '/v1/accounts', undefined, { name: `person ${i}`, password: PASSWORD, invite })).code,
        ),
      )
      assert.deepEqual(codes.sort(), [...Array.from({ length: 6 }, () => 'INVITE_INVALID'), 'OK', 'OK'])

      const second = await hub.admit(owner, 'Otto', { role: 'admin' })
      await hub.call('PATCH', `/v1/members/${second.account.id}`, owner, { role: 'owner' })
      const goings = [owner, second.token].map((token) => hub.call('DELETE', '/v1/account', token, { current: PASSWORD }))
      assert.deepEqual((await Promise.all(goings)).map(({ code }) => code).sort(), ['CONFLICT', 'OK'])
    }))
})
