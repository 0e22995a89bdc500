import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SCOPES } from '@shoal/api/permissions'
import { AccountsWorld, DAY, facts, from, MINUTE, PASSWORD } from '../../test/accounts-world.ts'
import { sessionCookie } from './session-cookie.ts'

const bearer = (token: string) => facts({ authorization: `Bearer ${token}` })

describe('the authenticator', () => {
  test('takes who shows nothing for a visitor, in the role that the settings give', async () => {
    const world = await AccountsWorld.peopled({ visitors: 'guest' })
    const visitor = await world.accounts.callerOf(facts())
    assert.deepEqual([visitor.accountId, visitor.name, visitor.role, visitor.proof], [undefined, 'visitor', 'guest', 'none'])
    assert.deepEqual([visitor.may('files:read'), visitor.may('files:publish'), visitor.may('account:use')], [true, false, false])
    await world.accounts.settings.change(await world.as('olga'), { visitors: 'none' })
    const stranger = await world.accounts.callerOf(facts())
    assert.deepEqual([stranger.role, stranger.permissions.size], ['none', 0])
  })

  test('refuses in the same words whatever is no good token, and never makes it a visitor', async () => {
    const world = await AccountsWorld.peopled({ visitors: 'member' })
    const good = world.tokens.get('minh') ?? ''
    const wrongSecret = good.slice(0, -2) + (good.endsWith('AA') ? 'BB' : 'AA')
    const wrongId = good.replace(/_s./, '_sx')
    const bad = [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${good}`,
      good,
      `Bearer ${good} x`,
      'Bearer shoal',
      'Bearer shoal__',
      'Bearer null',
      ...[wrongSecret, wrongId, good.replace('shoal_s', 'shoal_t'), good.replace('shoal_s', 'shoal_o'), `${good}A`].map(
        (text) => `Bearer ${text}`,
      ),
      `Bearer shoal_${'s'.padEnd(21, '0')}_${'\u00e9'.repeat(43)}`,
      `Bearer ${'x'.repeat(10_000)}`,
    ]
    const messages = new Set<string>()
    for (const authorization of bad)
      await assert.rejects(world.accounts.callerOf(facts({ authorization })), (error: Error & { code: string }) => {
        messages.add(error.message)
        return error.code === 'NOT_SIGNED_IN'
      })
    assert.equal(messages.size, 1)
    assert.equal((await world.accounts.callerOf(facts({ authorization: `bearer  ${good}` }))).name, 'minh')
  })

  test('ends a session that nobody has used for fourteen days', async () => {
    const world = await AccountsWorld.peopled()
    for (let day = 0; day < 60; day += 13) {
      world.system.time += 13 * DAY
      assert.equal((await world.as('minh')).name, 'minh')
      await world.accounts.sweep()
    }
    world.system.time += 14 * DAY
    await assert.rejects(world.as('minh'), { code: 'NOT_SIGNED_IN' })
  })

  test('counts a use that is not written yet', async () => {
    const world = await AccountsWorld.peopled()
    world.system.time += 13 * DAY
    await world.as('minh')
    world.system.time += 13 * DAY
    assert.equal((await world.as('minh')).name, 'minh')
  })

  test('ends the busiest session after ninety days', async () => {
    const world = await AccountsWorld.peopled()
    for (let day = 1; day < 90; day++) {
      world.system.time += DAY
      await world.as('minh')
    }
    world.system.time += DAY
    await assert.rejects(world.as('minh'), { code: 'NOT_SIGNED_IN' })
  })

  test('revives no session when the clock is set back', async () => {
    const world = await AccountsWorld.peopled()
    world.system.time += 15 * DAY
    await assert.rejects(world.as('minh'), { code: 'NOT_SIGNED_IN' })
    world.system.time -= 15 * DAY
    await assert.rejects(world.as('minh'), { code: 'NOT_SIGNED_IN' })
  })

  test('writes a use once a minute, however many there are', async () => {
    const world = await AccountsWorld.peopled()
    const before = await world.dump('sessions')
    world.system.time += MINUTE
    for (let i = 0; i < 20; i++) await world.as('minh')
    assert.equal(await world.dump('sessions'), before)
    await world.accounts.sweep()
    assert.notEqual(await world.dump('sessions'), before)
    assert.match(await world.dump('accounts'), new RegExp(`"last_seen_at":${world.system.time}`))
  })

  test('gives a token what its scopes say, and never more than its account may', async () => {
    const world = await AccountsWorld.peopled()
    const make = async (name: string, scopes: (keyof typeof SCOPES)[]) => {
      const { accountId = '' } = await world.as(name)
      return await world.by((await world.accounts.tokens.create({ accountId, name }, { label: 'x', scopes })).token)
    }
    const feed = await make('olga', ['feed'])
    assert.deepEqual([...feed.permissions].sort(), [...SCOPES.feed].sort())
    assert.deepEqual([feed.sessionId, feed.proof, feed.role], [undefined, 'bearer', 'owner'])
    assert.equal((await make('gao', ['publish', 'metrics'])).may('files:publish'), false)
    assert.equal((await make('gao', ['metrics'])).permissions.size, 0)
    assert.equal((await make('olga', ['read', 'publish'])).may('files:publish'), true)
    assert.equal((await make('olga', ['all'])).may('backup:make'), true)
  })

  test('follows a role that has changed at once', async () => {
    const world = await AccountsWorld.peopled()
    await world.accounts.members.change(await world.as('olga'), await world.idOf('minh'), { role: 'moderator' })
    assert.equal((await world.as('minh')).may('members:ban'), true)
  })

  test('ends a token on its day, and a revoked one at once', async () => {
    const world = await AccountsWorld.peopled()
    const { accountId = '', name } = await world.as('minh')
    const user = { accountId, name }
    const short = await world.accounts.tokens.create(user, { label: 'short', scopes: ['read'], expiresInDays: 1 })
    const long = await world.accounts.tokens.create(user, { label: 'long', scopes: ['read'] })
    world.system.time += DAY
    await assert.rejects(world.by(short.token), { code: 'NOT_SIGNED_IN' })
    assert.equal((await world.by(long.token)).name, 'minh')
    assert.deepEqual(
      (await world.accounts.tokens.list(accountId)).map(({ label, lastUsedAt }) => [label, lastUsedAt]),
      [['long', world.system.time]],
    )
    await world.accounts.tokens.revoke(user, long.id)
    await assert.rejects(world.by(long.token), { code: 'NOT_SIGNED_IN' })
    await assert.rejects(world.accounts.tokens.revoke(user, long.id), { code: 'NOT_FOUND' })
  })

  test('tells whoever keeps connections open that a session or token has ended', async () => {
    const world = await AccountsWorld.peopled()
    const { accounts } = world
    const minh = await world.as('minh')
    const user = { accountId: minh.accountId ?? '', name: 'minh' }
    const { id } = await accounts.tokens.create(user, { label: 'x', scopes: ['read'] })
    const heard: string[] = []
    const stop = accounts.onRightsChanged((accountId) => heard.push(accountId))
    await accounts.tokens.revoke(user, id)
    await accounts.sessions.end(user, minh.sessionId ?? '', 'account.sign-out')
    assert.deepEqual(heard, [user.accountId, user.accountId])
    stop()
    await accounts.signIn.signOutEverywhere(user)
    assert.equal(heard.length, 2)
  })

  test('lets nobody end the session, token or key of somebody else', async () => {
    const world = await AccountsWorld.peopled()
    const minh = await world.as('minh')
    const owner = { accountId: (await world.as('olga')).accountId ?? '', name: 'olga' }
    const { id: token } = await world.accounts.tokens.create(owner, { label: 'x', scopes: ['read'] })
    const [key] = await world.accounts.announceKeys.list(owner.accountId, '')
    const [session] = await world.accounts.sessions.list(owner.accountId, undefined)
    const user = { accountId: minh.accountId ?? '', name: 'minh' }
    await assert.rejects(world.accounts.tokens.revoke(user, token), { code: 'NOT_FOUND' })
    await assert.rejects(world.accounts.announceKeys.revoke(user, key?.id ?? ''), { code: 'NOT_FOUND' })
    await assert.rejects(world.accounts.sessions.end(user, session?.id ?? '', 'session.end'), { code: 'NOT_FOUND' })
  })

  test('knows the operator on this machine only, and only in this run of the hub', async () => {
    const world = await AccountsWorld.peopled()
    const operator = await world.asOperator()
    assert.deepEqual([operator.name, operator.role, operator.accountId], ['operator', 'owner', undefined])
    assert.equal(operator.may('backup:make'), true)
    await assert.rejects(world.accounts.callerOf({ ...bearer(world.operator.text), isLoopback: false }), { code: 'NOT_SIGNED_IN' })
    const restarted = await AccountsWorld.on(world.database, world.system)
    await assert.rejects(restarted.by(world.operator.text), { code: 'NOT_SIGNED_IN' })
  })

  test('takes a cookie, but over TLS only the one that is bound to its host, and a token goes first', async () => {
    const world = await AccountsWorld.peopled()
    const [minh = '', mona = ''] = [world.tokens.get('minh'), world.tokens.get('mona')]
    const secure = `theme=dark; __Host-shoal=${minh}; x`
    const plain = `shoal_session=${minh}`
    const nameOf = async (given: Parameters<typeof facts>[0]) => (await world.accounts.callerOf(facts(given))).name
    assert.equal(await nameOf({ cookie: secure, isSecure: true }), 'minh')
    assert.equal(await nameOf({ cookie: plain, isSecure: false }), 'minh')
    assert.equal(await nameOf({ cookie: plain, isSecure: true }), 'visitor')
    assert.equal(await nameOf({ cookie: secure, isSecure: false }), 'visitor')
    assert.equal(await nameOf({ cookie: plain, authorization: `Bearer ${mona}` }), 'mona')
    assert.equal((await world.accounts.callerOf(facts({ cookie: plain }))).proof, 'cookie')
    await assert.rejects(world.accounts.callerOf(facts({ cookie: 'shoal_session=old' })), { code: 'NOT_SIGNED_IN' })
    const { isSecure: _, ...unsaid } = facts({ cookie: `shoal_session=old; __Host-shoal=${minh}` })
    assert.equal((await world.accounts.callerOf(unsaid)).name, 'minh')
  })

  test('gives cookies that no script and no other site gets', () => {
    assert.equal(sessionCookie('x', true), '__Host-shoal=x; Path=/; Max-Age=7776000; HttpOnly; SameSite=Strict; Secure')
    assert.equal(sessionCookie('x', false), 'shoal_session=x; Path=/; Max-Age=7776000; HttpOnly; SameSite=Strict')
  })

  test('holds a hundred sessions of an account, and lets the one go that was not used for longest', async () => {
    const world = await AccountsWorld.peopled()
    const first = world.tokens.get('minh') ?? ''
    for (let i = 0; i < 100; i++) {
      world.system.time += 1
      await world.accounts.signIn.signIn({ name: 'minh', password: PASSWORD }, from())
    }
    await assert.rejects(world.by(first), { code: 'NOT_SIGNED_IN' })
    assert.equal((await world.accounts.sessions.list(await world.idOf('minh'), undefined)).length, 100)
  })
})
