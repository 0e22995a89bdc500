import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AccountsWorld, DAY, from, HUB, MINUTE, ORIGIN, PASSWORD } from '../../test/accounts-world.ts'
import { ATTEMPT_RULES } from './attempts.ts'

const register = (world: AccountsWorld, name: string, invite?: string, ip?: string) =>
  world.accounts.registrar.register({ name, password: PASSWORD, ...(invite === undefined ? {} : { invite }) }, from(ip))

describe('setting a hub up', () => {
  test('makes whoever has the code its owner, once', async () => {
    const world = await AccountsWorld.empty()
    const { registrar } = world.accounts
    assert.equal(registrar.needsSetup, true)
    const code = await registrar.setupCode(HUB)
    assert.match(code, /^[\w-]{43}$/)
    const { account, session } = await registrar.setUp({ code, name: 'Olga', password: PASSWORD }, from())
    assert.equal(account.role, 'owner')
    assert.equal(registrar.needsSetup, false)
    assert.equal((await world.by(session.token)).role, 'owner')
    await assert.rejects(registrar.setUp({ code, name: 'Eve', password: PASSWORD }, from()), { code: 'CONFLICT' })
    await assert.rejects(registrar.setupCode(HUB), { code: 'CONFLICT' })
  })

  test('takes the newest code only, and stores none of them', async () => {
    const world = await AccountsWorld.empty()
    const { registrar } = world.accounts
    const old = await registrar.setupCode(HUB)
    const code = await registrar.setupCode(HUB)
    for (const wrong of [old, '', 'x', code.slice(1)])
      await assert.rejects(registrar.setUp({ code: wrong, name: 'Eve', password: PASSWORD }, from()), { code: 'INVITE_INVALID' })
    assert.equal((await world.dump('settings')).includes(code), false)
    await registrar.setUp({ code, name: 'Olga', password: PASSWORD }, from())
  })

  test('by two people with one code makes one owner', async () => {
    const { registrar } = (await AccountsWorld.empty()).accounts
    const code = await registrar.setupCode(HUB)
    const results = await Promise.allSettled(
      ['An', 'Binh', 'Chi'].map((name) => registrar.setUp({ code, name, password: PASSWORD }, from())),
    )
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
  })

  test('is still to do after a restart without an owner, and done after one with', async () => {
    const world = await AccountsWorld.empty()
    const code = await world.accounts.registrar.setupCode(HUB)
    const again = await AccountsWorld.on(world.database, world.system)
    assert.equal(again.accounts.registrar.needsSetup, true)
    await again.accounts.registrar.setUp({ code, name: 'Olga', password: PASSWORD }, from())
    assert.equal((await AccountsWorld.on(world.database, world.system)).accounts.registrar.needsSetup, false)
  })

  test('cannot be guessed at: attempts are limited', async () => {
    const { registrar } = (await AccountsWorld.empty()).accounts
    const code = await registrar.setupCode(HUB)
    const guess = () => registrar.setUp({ code: 'wrong', name: 'Eve', password: PASSWORD }, from('203.0.113.9'))
    for (let i = 0; i < ATTEMPT_RULES.registerNetwork.capacity; i++) await assert.rejects(guess(), { code: 'INVITE_INVALID' })
    await assert.rejects(guess(), { code: 'RATE_LIMITED' })
    await registrar.setUp({ code, name: 'Olga', password: PASSWORD }, from('192.0.2.1'))
  })
})

describe('registering', () => {
  test('is free on an open hub, and signs in', async () => {
    const world = await AccountsWorld.empty()
    const { account, session } = await register(world, 'Nguyễn An')
    assert.equal(account.role, 'member')
    const caller = await world.by(session.token)
    assert.deepEqual([caller.name, caller.role, caller.accountId], ['Nguyễn An', 'member', account.id])
    assert.match(
      (await world.accounts.describe(account, ORIGIN)).announceUrls[0] ?? '',
      /^https:\/\/class\.example\/a\/[0-9a-f]{40}\/announce$/,
    )
  })

  test('is refused on a closed hub, invite or not, and without an invite where one is needed', async () => {
    const closed = await AccountsWorld.peopled({ registration: 'open' })
    await closed.accounts.settings.change(await closed.as('olga'), { registration: 'closed' })
    const { code } = await closed.accounts.invites.create(await closed.as('olga'), {}, ORIGIN)
    await assert.rejects(register(closed, 'An'), { code: 'REGISTRATION_CLOSED' })
    await assert.rejects(register(closed, 'An', code), { code: 'REGISTRATION_CLOSED' })
    await assert.rejects(register(await AccountsWorld.empty({ registration: 'invite' }), 'An'), { code: 'INVITE_NEEDED' })
  })

  test('refuses a name that is taken or looks like it, even by several at once', async () => {
    const world = await AccountsWorld.empty()
    const results = await Promise.allSettled(['Đặng', 'dang', 'ＤＡＮＧ', 'đang'].map((name) => register(world, name)))
    assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected', 'rejected', 'rejected'])
    await assert.rejects(register(world, 'DANG'), { code: 'TAKEN' })
  })

  test('costs the same work whether the name is taken or not', async () => {
    const world = await AccountsWorld.empty()
    await register(world, 'An')
    const before = world.passwords.count
    await assert.rejects(register(world, 'An'), { code: 'TAKEN' })
    assert.equal(world.passwords.count - before, 1)
  })

  test('with an invite gives its role, and uses it up', async () => {
    const world = await AccountsWorld.peopled({ registration: 'invite' })
    const { code } = await world.accounts.invites.create(await world.as('olga'), { role: 'moderator' }, ORIGIN)
    assert.equal((await register(world, 'An', code)).account.role, 'moderator')
    await assert.rejects(register(world, 'Binh', code), { code: 'INVITE_INVALID' })
  })

  test('by many people with one invite at the same time succeeds as often as it has uses', async () => {
    const world = await AccountsWorld.peopled({ registration: 'invite' })
    const { code } = await world.accounts.invites.create(await world.as('olga'), { uses: 3 }, ORIGIN)
    const results = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => register(world, `person ${i}`, code)))
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [(result.reason as { code: string }).code] : []))
    assert.deepEqual(
      refusals,
      Array.from({ length: 9 }, () => 'INVITE_INVALID'),
    )
  })

  test('with a taken name leaves the invite unused', async () => {
    const world = await AccountsWorld.peopled({ registration: 'invite' })
    const { code } = await world.accounts.invites.create(await world.as('olga'), {}, ORIGIN)
    await assert.rejects(register(world, 'minh', code), { code: 'TAKEN' })
    assert.equal((await register(world, 'An', code)).account.name, 'An')
  })

  test('with an expired, unknown or withdrawn invite is refused in the same words, before any hash is computed', async () => {
    const world = await AccountsWorld.peopled({ registration: 'invite' })
    const olga = await world.as('olga')
    const expired = await world.accounts.invites.create(olga, { expiresInHours: 1 }, ORIGIN)
    const withdrawn = await world.accounts.invites.create(olga, {}, ORIGIN)
    await world.accounts.invites.revoke(olga, withdrawn.id)
    world.system.time += 60 * MINUTE
    const before = world.passwords.count
    const messages = new Set<string>()
    for (const code of [expired.code, withdrawn.code, 'unknown', ''])
      await assert.rejects(register(world, 'An', code), (error: Error & { code: string }) => {
        messages.add(error.message)
        return error.code === 'INVITE_INVALID'
      })
    assert.equal(messages.size, 1)
    assert.equal(world.passwords.count, before)
  })

  test('with an invite of somebody who may not invite any more is refused', async () => {
    const world = await AccountsWorld.peopled({ registration: 'invite' })
    const invite = async () => (await world.accounts.invites.create(await world.as('mona'), {}, ORIGIN)).code
    const [banned, demoted] = [await invite(), await invite()]
    const olga = await world.as('olga')
    const mona = await world.idOf('mona')
    await world.accounts.members.change(olga, mona, { role: 'member' })
    await assert.rejects(register(world, 'An', demoted), { code: 'INVITE_INVALID' })
    await world.accounts.members.change(olga, mona, { role: 'moderator' })
    await world.accounts.members.change(olga, mona, { isBanned: true })
    await assert.rejects(register(world, 'An', banned), { code: 'INVITE_INVALID' })
  })

  test('by one network is limited, but not for those who were invited', async () => {
    const world = await AccountsWorld.peopled({ registration: 'open' })
    const { code } = await world.accounts.invites.create(await world.as('olga'), { uses: 1_000 }, ORIGIN)
    const most = ATTEMPT_RULES.registerNetwork.capacity
    for (let i = 0; i < most + 5; i++) await register(world, `invited ${i}`, code, '198.51.100.7')
    for (let i = 0; i < most; i++) await register(world, `free ${i}`, undefined, '198.51.100.7')
    await assert.rejects(register(world, 'one more', undefined, '198.51.100.200'), { code: 'RATE_LIMITED' })
    await register(world, 'from elsewhere', undefined, '198.51.101.7')
    world.system.time += DAY
    await register(world, 'one more', undefined, '198.51.100.200')
  })
})
