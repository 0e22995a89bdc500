import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Account, CreatedInvite, CreatedToken, Member, SignedIn } from '@shoal/api/hub-api'
import { accountDesk } from '../../test/account-desk.ts'
import { AccountsWorld, facts, HUB, NAMES, PASSWORD } from '../../test/accounts-world.ts'
import type { Asked, Told } from '../../test/route-desk.ts'

interface Page<T> {
  readonly items: T[]
  readonly nextCursor?: string
}

async function visit(settings: Parameters<typeof AccountsWorld.peopled>[0] = {}) {
  const world = await AccountsWorld.peopled(settings)
  const desk = accountDesk(world)
  const ask = async (name: string, route: string, rest: Omit<Asked, 'as'> = {}): Promise<Told> =>
    desk.ask(route, { as: name === 'nobody' ? await world.accounts.callerOf(facts()) : await world.as(name), ...rest })
  return { world, desk, ask }
}

describe('every parameter', () => {
  const name = 'An'
  const password = PASSWORD
  const long = (length: number) => 'x'.repeat(length)
  /** Route, and what is wrong about each request. */
  const REFUSED: readonly (readonly [string, Record<string, Omit<Asked, 'as'>>])[] = [
    [
      'POST /v1/accounts',
      {
        'no body': {},
        'no name': { body: { password } },
        'an empty name': { body: { name: '', password } },
        'a name of 41 letters': { body: { name: long(41), password } },
        'a name with markup': { body: { name: '<b>', password } },
        'a name that is a number': { body: { name: 7, password } },
        'a reserved name': { body: { name: 'Admin', password } },
        'no password': { body: { name } },
        'a password of 7 letters': { body: { name, password: long(7) } },
        'a password of 257 letters': { body: { name, password: long(257) } },
        'an invite of 101 letters': { body: { name, password, invite: long(101) } },
        'an empty invite': { body: { name, password, invite: '' } },
        'a role': { body: { name, password, role: 'owner' } },
        'a list': { body: [] },
        'a key of the prototype': { body: JSON.parse('{"name":"An","password":"a sentence","__proto__":{"role":"owner"}}') },
      },
    ],
    [
      'POST /v1/setup',
      {
        'no code': { body: { name, password } },
        'a code of 101 letters': { body: { code: long(101), name, password } },
        'a short password': { body: { code: 'x', name, password: 'short' } },
        'a reserved name': { body: { code: 'x', name: 'hub', password } },
      },
    ],
    [
      'POST /v1/sessions',
      {
        'no name': { body: { password } },
        'a name of 41 letters': { body: { name: long(41), password } },
        'no password': { body: { name } },
        'a password of 257 letters': { body: { name, password: long(257) } },
        'a cookie that is text': { body: { name, password, cookie: 'yes' } },
        'a field more': { body: { name, password, remember: true } },
      },
    ],
    ['DELETE /v1/sessions/:id', { 'a long id': { params: { id: long(65) } }, 'no id': {} }],
    ['DELETE /v1/sessions', { 'a body': { body: {} } }],
    ['DELETE /v1/account', { 'no body': {}, 'no password': { body: {} } }],
    [
      'PUT /v1/account/password',
      {
        'no current one': { body: { password } },
        'no new one': { body: { current: password } },
        'a short new one': { body: { current: password, password: long(7) } },
      },
    ],
    [
      'POST /v1/account/tokens',
      {
        'no label': { body: { scopes: ['read'] } },
        'an empty label': { body: { label: '', scopes: ['read'] } },
        'a label that nobody sees': { body: { label: '\u200b\u202e', scopes: ['read'] } },
        'a label of 61 letters': { body: { label: long(61), scopes: ['read'] } },
        'no scopes': { body: { label: 'x', scopes: [] } },
        'an unknown scope': { body: { label: 'x', scopes: ['root'] } },
        'a scope twice': { body: { label: 'x', scopes: ['read', 'read'] } },
        'no day': { body: { label: 'x', scopes: ['read'], expiresInDays: 0 } },
        'too many days': { body: { label: 'x', scopes: ['read'], expiresInDays: 3_651 } },
        'half a day': { body: { label: 'x', scopes: ['read'], expiresInDays: 0.5 } },
      },
    ],
    [
      'POST /v1/account/announce-keys',
      { 'no label': { body: {} }, 'an invisible label': { body: { label: '\u200b' } }, 'a field more': { body: { label: 'x', key: 'y' } } },
    ],
    [
      'GET /v1/members',
      {
        'no limit': { query: { limit: 0 } },
        'a limit of 101': { query: { limit: 101 } },
        'a cursor of ours': { query: { cursor: '!' } },
        'an empty cursor': { query: { cursor: '' } },
        'a field more': { query: { q: 'x' } },
      },
    ],
    [
      'GET /v1/audit',
      {
        'a cursor that is no number': { query: { cursor: Buffer.from('x').toString('base64url') } },
        'a limit of 101': { query: { limit: 101 } },
      },
    ],
    [
      'PATCH /v1/members/:id',
      {
        'an unknown role': { params: { id: 'x' }, body: { role: 'king' } },
        'an empty reason': { params: { id: 'x' }, body: { isBanned: true, banReason: '' } },
        'a reason of 201 letters': { params: { id: 'x' }, body: { isBanned: true, banReason: long(201) } },
        'a field more': { params: { id: 'x' }, body: { name: 'x' } },
      },
    ],
    [
      'POST /v1/invites',
      {
        'the role of an owner': { body: { role: 'owner' } },
        'no use': { body: { uses: 0 } },
        'a thousand and one uses': { body: { uses: 1_001 } },
        'no hour': { body: { expiresInHours: 0 } },
        'more than a year': { body: { expiresInHours: 24 * 365 + 1 } },
        'an empty note': { body: { note: '' } },
      },
    ],
    [
      'PATCH /v1/settings',
      {
        'an empty name': { body: { name: '' } },
        'a name that nobody sees': { body: { name: '\u200b' } },
        'visitors who are admins': { body: { visitors: 'admin' } },
        'an unknown way to register': { body: { registration: 'sometimes' } },
        'no file at all': { body: { maxFilesPerMember: 0 } },
        'negative days': { body: { forgetAfterDays: -1 } },
        'an unknown setting': { body: { theme: 'dark' } },
      },
    ],
    [
      'POST /register',
      {
        'no username': { body: { password } },
        'a password of 5 letters': { body: { username: name, password: '12345' } },
        'a field more': { body: { username: name, password, admin: true } },
      },
    ],
    ['POST /login', { 'no password': { body: { username: name } }, 'no username': { body: { password } } }],
  ]

  for (const [route, requests] of REFUSED) {
    test(`of ${route} has its refusal`, async () => {
      const { ask, world } = await visit()
      const before = await Promise.all([world.dump('accounts'), world.dump('settings'), world.dump('invites'), world.dump('tokens')])
      for (const [what, request] of Object.entries(requests)) {
        assert.equal((await ask('olga', route, request)).code, 'VALIDATION', what)
      }
      const after = await Promise.all([world.dump('accounts'), world.dump('settings'), world.dump('invites'), world.dump('tokens')])
      assert.deepEqual(after, before, 'and nothing has changed')
    })
  }

  test('that names what does not exist is not found', async () => {
    const { ask } = await visit()
    const params = { id: 'x' }
    for (const route of [
      'DELETE /v1/sessions/:id',
      'DELETE /v1/account/tokens/:id',
      'DELETE /v1/account/announce-keys/:id',
      'GET /v1/members/:id',
      'DELETE /v1/invites/:id',
    ])
      assert.equal((await ask('olga', route, { params })).code, 'NOT_FOUND', route)
    assert.equal((await ask('olga', 'PATCH /v1/members/:id', { params, body: { isBanned: true } })).code, 'NOT_FOUND')
  })
})

describe('signing in over HTTP', () => {
  test('gives a token, or puts it into a cookie where no script sees it', async () => {
    const { ask, world } = await visit()
    const body = { name: 'minh', password: PASSWORD }
    const plain = await ask('nobody', 'POST /v1/sessions', { body })
    assert.equal(plain.status, 201)
    assert.equal((await world.by((plain.body as SignedIn).token ?? '')).name, 'minh')
    assert.equal(plain.headers.size, 0)
    for (const [origin, pattern] of [
      [
        'https://class.example',
        /^__Host-shoal=(shoal_s[0-9a-f]{20}_[\w-]{43}); Path=\/; Max-Age=7776000; HttpOnly; SameSite=Strict; Secure$/,
      ],
      ['http://127.0.0.1:6880', /^shoal_session=(shoal_s[0-9a-f]{20}_[\w-]{43}); Path=\/; Max-Age=7776000; HttpOnly; SameSite=Strict$/],
    ] as const) {
      const kept = await ask('nobody', 'POST /v1/sessions', { body: { ...body, cookie: true }, origin })
      assert.equal('token' in (kept.body as SignedIn), false)
      const [, token = ''] = pattern.exec(kept.headers.get('set-cookie') ?? '') ?? []
      assert.equal((await world.by(token)).name, 'minh')
    }
  })

  test('out again ends the session and the cookie, and works for whoever has none', async () => {
    const { ask } = await visit()
    const told = await ask('minh', 'DELETE /v1/sessions/current')
    assert.match(told.headers.get('set-cookie') ?? '', /^__Host-shoal=; Path=\/; Max-Age=0;/)
    await assert.rejects(ask('minh', 'GET /v1/account'), { code: 'NOT_SIGNED_IN' })
    assert.equal((await ask('nobody', 'DELETE /v1/sessions/current')).status, 204)
  })

  test('in the words of the founding documents works, with their example', async () => {
    const { ask, world } = await visit()
    const body = { username: 'user1', password: '123456' }
    assert.deepEqual((await ask('nobody', 'POST /register', { body })).body, { message: 'Registered. Log in now', username: 'user1' })
    const { token } = (await ask('nobody', 'POST /login', { body })).body as { token: string }
    assert.equal((await world.by(token)).name, 'user1')
    assert.equal((await ask('nobody', 'POST /login', { body: { ...body, password: '123457' } })).code, 'CREDENTIALS')
    assert.equal((await ask('nobody', 'POST /register', { body })).code, 'TAKEN')
  })

  test('asks for an invite, and with it for a longer password, where only invited people register', async () => {
    const { ask } = await visit({ registration: 'invite' })
    assert.equal((await ask('nobody', 'POST /register', { body: { username: 'An', password: '123456' } })).code, 'INVITE_NEEDED')
    const { code: invite } = (await ask('olga', 'POST /v1/invites', { body: {} })).body as CreatedInvite
    assert.equal((await ask('nobody', 'POST /register', { body: { username: 'An', password: '123456', invite } })).code, 'VALIDATION')
    assert.equal((await ask('nobody', 'POST /register', { body: { username: 'An', password: '12345678', invite } })).code, 'OK')
  })
})

describe('the account over HTTP', () => {
  test('tells its permissions and the announce URLs with its own key', async () => {
    const { ask, world } = await visit()
    const account = (await ask('gao', 'GET /v1/account')).body as Account
    assert.deepEqual([account.name, account.role], ['gao', 'guest'])
    assert.deepEqual(account.permissions.sort(), ['account:use', 'files:download', 'files:read'])
    const key = account.announceUrls[0]?.split('/').at(-2) ?? ''
    assert.equal(world.accounts.announceKeys.memberOf(key)?.accountId, account.id)
  })

  test('makes tokens that are shown once', async () => {
    const { ask, world } = await visit()
    const made = (await ask('minh', 'POST /v1/account/tokens', { body: { label: 'feed', scopes: ['feed'] } })).body as CreatedToken
    assert.equal((await world.by(made.token)).name, 'minh')
    const { token: _, ...info } = made
    const listed = ((await ask('minh', 'GET /v1/account/tokens')).body as Page<CreatedToken>).items
    assert.deepEqual(listed, [{ ...info, lastUsedAt: world.system.time }])
  })
})

describe('members over HTTP', () => {
  test('are told why somebody was banned only if they ban people themselves', async () => {
    const { ask, world } = await visit()
    const params = { id: await world.idOf('gao') }
    await ask('mona', 'PATCH /v1/members/:id', { params, body: { isBanned: true, banReason: 'Spam' } })
    assert.equal(((await ask('mona', 'GET /v1/members/:id', { params })).body as Member).banReason, 'Spam')
    assert.equal('banReason' in ((await ask('minh', 'GET /v1/members/:id', { params })).body as Member), false)
    const inList = ((await ask('minh', 'GET /v1/members')).body as Page<Member>).items.find(({ id }) => id === params.id)
    assert.deepEqual([inList?.isBanned, inList?.banReason], [true, undefined])
  })

  test('come in pages, and so does the log', async () => {
    const { ask } = await visit()
    for (const route of ['GET /v1/members', 'GET /v1/audit']) {
      const all = (await ask('olga', route, { query: { limit: 100 } })).body as Page<{ id: string | number }>
      const paged: (string | number)[] = []
      let cursor: string | undefined
      do {
        const query = { limit: 2, ...(cursor === undefined ? {} : { cursor }) }
        const page = (await ask('olga', route, { query })).body as Page<{ id: string | number }>
        paged.push(...page.items.map(({ id }) => id))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      assert.deepEqual(
        paged,
        all.items.map(({ id }) => id),
      )
      assert.equal(new Set(paged).size, paged.length)
      assert.ok(paged.length >= 5)
    }
  })

  test('are invited with a role below that of whoever invites', async () => {
    const { ask } = await visit()
    const codes = async (name: string) =>
      Promise.all(
        ['admin', 'moderator', 'member', 'guest'].map(async (role) => (await ask(name, 'POST /v1/invites', { body: { role } })).code),
      )
    assert.deepEqual(await codes('olga'), ['OK', 'OK', 'OK', 'OK'])
    assert.deepEqual(await codes('adam'), ['FORBIDDEN', 'OK', 'OK', 'OK'])
    assert.deepEqual(await codes('mona'), ['FORBIDDEN', 'FORBIDDEN', 'OK', 'OK'])
  })

  test('are invited by a link of the hub’s own address, also by the operator', async () => {
    const { world, desk, ask } = await visit({ registration: 'invite' })
    const made = (await desk.ask('POST /v1/invites', { as: await world.asOperator(), body: { note: 'class 4b', uses: 2 } }))
      .body as CreatedInvite
    assert.equal(made.link, `https://class.example/join#${made.code}`)
    assert.deepEqual([made.createdBy, made.usesLeft, made.role, made.note], ['operator', 2, 'member', 'class 4b'])
    const body = { name: 'An', password: PASSWORD, invite: made.code }
    assert.equal((await ask('nobody', 'POST /v1/accounts', { body })).code, 'OK')
    const { code: _, link: __, ...info } = made
    const listed = ((await ask('mona', 'GET /v1/invites')).body as Page<CreatedInvite>).items
    assert.deepEqual(listed, [{ ...info, usesLeft: 1 }])
  })

  test('take back their own invites and those of lower roles', async () => {
    const { ask } = await visit()
    const invite = async (name: string) => ({
      id: ((await ask(name, 'POST /v1/invites', { body: { role: 'guest' } })).body as CreatedInvite).id,
    })
    const [owners, monas, adams] = [await invite('olga'), await invite('mona'), await invite('adam')]
    assert.equal((await ask('mona', 'DELETE /v1/invites/:id', { params: owners })).code, 'FORBIDDEN')
    assert.equal((await ask('mona', 'DELETE /v1/invites/:id', { params: adams })).code, 'FORBIDDEN')
    assert.equal((await ask('mona', 'DELETE /v1/invites/:id', { params: monas })).code, 'OK')
    assert.equal((await ask('olga', 'DELETE /v1/invites/:id', { params: adams })).code, 'OK')
  })
})

describe('settings', () => {
  test('hold at once and over a restart, and the log says what changed', async () => {
    const { ask, world } = await visit()
    const heard: string[] = []
    world.accounts.settings.onChange(({ registration }) => heard.push(registration))
    const changed = await ask('adam', 'PATCH /v1/settings', { body: { registration: 'closed', visitors: 'none', name: 'Lớp  4b\u0007' } })
    assert.equal(changed.code, 'OK')
    assert.equal((await world.accounts.callerOf(facts())).role, 'none')
    assert.deepEqual(heard, ['closed'])
    const { current } = (await AccountsWorld.on(world.database, world.system, { visitors: 'member' })).accounts.settings
    assert.deepEqual(
      [current.registration, current.name, current.visitors],
      ['closed', 'Lớp 4b', 'member'],
      'what was as configured stays as configured',
    )
    assert.deepEqual((await world.actions()).slice(-2), [
      'adam hub.settings registration ("open" → "closed")',
      'adam hub.settings name ("class" → "Lớp 4b")',
    ])
  })
})

describe('a new hub over HTTP', () => {
  test('is set up by the link that the operator asks for', async () => {
    const world = await AccountsWorld.empty({ registration: 'invite' })
    const desk = accountDesk(world)
    const nobody = await world.accounts.callerOf(facts())
    const printed = await world.accounts.registrar.setupCode(HUB)
    const { link } = (await desk.ask('POST /v1/setup-links', { as: await world.asOperator() })).body as { link: string }
    const [, code = ''] = /^https:\/\/class\.example\/setup#([\w-]{43})$/.exec(link) ?? []
    const setUp = (given: string) => desk.ask('POST /v1/setup', { as: nobody, body: { code: given, name: 'Olga', password: PASSWORD } })
    assert.equal((await setUp(printed)).code, 'INVITE_INVALID', 'the link that was printed has ended')
    const told = await setUp(code)
    assert.deepEqual([told.code, (told.body as SignedIn).account.role], ['OK', 'owner'])
  })
})

describe('no secret', () => {
  test('is in the log, in a refusal, or in the database', async () => {
    const { ask, world, desk } = await visit()
    const secrets = new Set<string>([PASSWORD, 'another good sentence', 'a wrong sentence', world.operator.text, ...world.tokens.values()])
    const told: Told[] = []
    const say = async (name: string, route: string, rest: Omit<Asked, 'as'> = {}) => {
      const answer = await ask(name, route, rest)
      told.push(answer)
      return answer.body
    }
    const keyUrls = ((await say('minh', 'GET /v1/account')) as Account).announceUrls
    for (const url of keyUrls) secrets.add(url.split('/').at(-2) ?? '')
    const token = (await say('minh', 'POST /v1/account/tokens', { body: { label: 'feed', scopes: ['all'] } })) as CreatedToken
    const invite = (await say('mona', 'POST /v1/invites', { body: {} })) as CreatedInvite
    const session = (await say('nobody', 'POST /v1/sessions', { body: { name: 'minh', password: PASSWORD } })) as SignedIn
    for (const secret of [token.token, invite.code, session.token ?? '']) secrets.add(secret)
    for (const text of secrets) {
      const secret = text.split('_').at(-1) ?? ''
      if (text.startsWith('shoal_') && secret.length > 30) secrets.add(secret)
    }
    await say('nobody', 'POST /v1/sessions', { body: { name: 'minh', password: 'a wrong sentence' } })
    await say('nobody', 'POST /v1/sessions', { body: { name: 'a wrong sentence', password: 'minh' } })
    await say('nobody', 'POST /v1/accounts', { body: { name: 'minh', password: PASSWORD, invite: invite.code } })
    await say('nobody', 'POST /v1/accounts', { body: { name: 'An', password: PASSWORD, invite: invite.code } })
    await say('nobody', 'POST /v1/accounts', { body: { name: 'Chi', password: PASSWORD, invite: invite.code } })
    await say('nobody', 'POST /v1/setup', { body: { code: invite.code, name: 'Eve', password: PASSWORD } })
    await say('minh', 'PUT /v1/account/password', { body: { current: PASSWORD, password: 'another good sentence' } })
    await say('minh', 'PUT /v1/account/password', { body: { current: PASSWORD, password: 'another good sentence' } })
    for (const name of Object.values(NAMES)) await say(name, 'GET /v1/sessions')
    await say('mona', 'GET /v1/invites')
    await say('olga', 'GET /v1/audit', { query: { limit: 100 } })
    told.push(await desk.ask('POST /v1/account/tokens', { as: await world.by(token.token), body: { label: 'more', scopes: ['all'] } }))

    const tables = ['audit', 'attempts', 'accounts', 'sessions', 'tokens', 'announce_keys', 'invites', 'settings'] as const
    const stored = (await Promise.all(tables.map((table) => world.dump(table)))).join('\n')
    // an answer that is one's own new secret has it of course
    const refusals = told.filter(({ code }) => code !== 'OK')
    assert.ok(refusals.length >= 6)
    const lists = told.filter(({ body }) => typeof body === 'object' && body !== null && 'items' in body)
    const shown = JSON.stringify([refusals, lists])
    for (const secret of secrets) {
      assert.equal(stored.includes(secret), false, `the database has ${secret}`)
      assert.equal(shown.includes(secret), false, `an answer has ${secret}`)
    }
  })
})
