import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ROLES, type Role } from '@shoal/api/permissions'
import { AccountsWorld, from, NAMES, ORIGIN, PASSWORD } from '../../test/accounts-world.ts'

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'OK',
    (error: { code: string }) => error.code,
  )
}

async function keyOf(world: AccountsWorld, name: string): Promise<string> {
  const [url = ''] = await world.accounts.announceKeys.urlsOf(await world.idOf(name), ORIGIN)
  return /\/a\/([0-9a-f]{40})\/announce$/.exec(url)?.[1] ?? ''
}

describe('a ban', () => {
  test('ends sessions, tokens, announce keys and invites at once, and who keeps connections open hears of it', async () => {
    const world = await AccountsWorld.peopled({ registration: 'invite' })
    const { accounts } = world
    const mona = await world.as('mona')
    const user = { accountId: mona.accountId ?? '', name: 'mona' }
    const { token } = await accounts.tokens.create(user, { label: 'script', scopes: ['all'] })
    const { code } = await accounts.invites.create(mona, {}, ORIGIN)
    const key = await keyOf(world, 'mona')
    assert.equal(accounts.announceKeys.memberOf(key)?.accountId, user.accountId)
    const heard: string[] = []
    accounts.onRightsChanged((accountId) => heard.push(accountId))

    const banned = await accounts.members.change(await world.as('adam'), user.accountId, { isBanned: true, banReason: 'Spam\u001b[2J' })
    assert.deepEqual([banned.isBanned, banned.banReason], [true, 'Spam [2J'])
    for (const gone of [world.tokens.get('mona') ?? '', token]) await assert.rejects(world.by(gone), { code: 'NOT_SIGNED_IN' })
    assert.equal(accounts.announceKeys.memberOf(key), undefined)
    assert.equal(await codeOf(accounts.registrar.register({ name: 'An', password: PASSWORD, invite: code }, from())), 'INVITE_INVALID')
    assert.deepEqual(heard, [user.accountId])
  })

  test('leaves no way to get a new announce key, not even for a call that was on its way', async () => {
    const world = await AccountsWorld.peopled()
    const minh = await world.as('minh')
    const user = { accountId: minh.accountId ?? '', name: 'minh' }
    await world.accounts.members.change(await world.as('mona'), user.accountId, { isBanned: true })
    await assert.rejects(world.accounts.announceKeys.create(user, 'laptop', ORIGIN), { code: 'NOT_SIGNED_IN' })
  })

  test('that ends gives the announce keys back, but those that were revoked', async () => {
    const world = await AccountsWorld.peopled()
    const { announceKeys, members } = world.accounts
    const user = { accountId: await world.idOf('minh'), name: 'minh' }
    const kept = await keyOf(world, 'minh')
    const { id, announceUrls } = await announceKeys.create(user, 'lost laptop', ORIGIN)
    const revoked = announceUrls[0]?.split('/').at(-2) ?? ''
    await announceKeys.revoke(user, id)
    const mona = await world.as('mona')
    await members.change(mona, user.accountId, { isBanned: true })
    await members.change(mona, user.accountId, { isBanned: false })
    assert.equal(announceKeys.memberOf(kept)?.accountId, user.accountId)
    assert.equal(announceKeys.memberOf(revoked), undefined)
    await assert.rejects(world.as('minh'), { code: 'NOT_SIGNED_IN' }, 'sessions stay gone')
    await world.accounts.signIn.signIn({ name: 'minh', password: PASSWORD }, from())
  })

  test('holds over a restart, for announce keys, too', async () => {
    const world = await AccountsWorld.peopled()
    const [minhs, monas] = [await keyOf(world, 'minh'), await keyOf(world, 'mona')]
    await world.accounts.members.change(await world.as('mona'), await world.idOf('minh'), { isBanned: true })
    const { announceKeys } = (await AccountsWorld.on(world.database, world.system)).accounts
    assert.equal(announceKeys.memberOf(minhs), undefined)
    assert.equal(announceKeys.memberOf(monas)?.accountId, await world.idOf('mona'))
  })

  test('hits only people of a role below one’s own, never oneself, and never the last owner', async () => {
    const may: Record<Role | 'operator', string> = {
      owner: 'owner admin moderator member guest',
      admin: 'moderator member guest',
      moderator: 'member guest',
      member: '',
      guest: '',
      operator: 'owner admin moderator member guest',
    }
    for (const role of [...ROLES, 'operator'] as const) {
      const world = await AccountsWorld.peopled()
      // another of every role, so that nobody meets themselves and no owner is the last one
      const targets = new Map<Role, string>()
      for (const target of ROLES) targets.set(target, await world.admit(`other ${target === 'admin' ? 'adm' : target}s`, target))
      const actor = role === 'operator' ? await world.asOperator() : await world.as(NAMES[role])
      for (const [target, id] of targets) {
        const expected = may[role].split(' ').includes(target) ? 'OK' : 'FORBIDDEN'
        assert.equal(await codeOf(world.accounts.members.change(actor, id, { isBanned: true })), expected, `${role} bans ${target}`)
      }
      if (actor.accountId !== undefined) {
        assert.equal(
          await codeOf(world.accounts.members.change(actor, actor.accountId, { isBanned: true })),
          'FORBIDDEN',
          `${role} bans itself`,
        )
      }
    }
    const world = await AccountsWorld.peopled()
    const id = await world.idOf('olga')
    assert.equal(await codeOf(world.accounts.members.change(await world.asOperator(), id, { isBanned: true })), 'CONFLICT')
  })

  test('can get another reason, and a reason without a ban is refused', async () => {
    const world = await AccountsWorld.peopled()
    const [mona, id] = [await world.as('mona'), await world.idOf('minh')]
    assert.equal(await codeOf(world.accounts.members.change(mona, id, { banReason: 'why' })), 'VALIDATION')
    await world.accounts.members.change(mona, id, { isBanned: true })
    assert.equal((await world.accounts.members.change(mona, id, { banReason: 'because' })).banReason, 'because')
    assert.equal((await world.accounts.members.change(mona, id, { isBanned: false })).banReason, undefined)
  })
})

describe('a role', () => {
  test('is given by those above, to those below, and only one below their own', async () => {
    // who gives which role to whom (besides owners and the operator, who may all of it)
    const allowed = new Set(
      ['moderator', 'member', 'guest'].flatMap((to) => ['moderator', 'member', 'guest'].map((as) => `admin ${to} ${as}`)),
    )
    for (const role of ROLES) {
      for (const target of ROLES) {
        const world = await AccountsWorld.peopled()
        const id = await world.admit('somebody', target)
        for (const wanted of ROLES) {
          const expected = role === 'owner' || allowed.has(`${role} ${target} ${wanted}`) || wanted === target ? 'OK' : 'FORBIDDEN'
          const actor = await world.as(NAMES[role])
          assert.equal(
            await codeOf(world.accounts.members.change(actor, id, { role: wanted })),
            expected,
            `${role} makes ${target} ${wanted}`,
          )
          if (expected === 'OK') await world.accounts.members.change(await world.as('olga'), id, { role: target })
        }
      }
    }
  })

  test('is never one’s own to raise', async () => {
    for (const role of ROLES.slice(1)) {
      const world = await AccountsWorld.peopled()
      const actor = await world.as(NAMES[role])
      for (const wanted of ROLES.slice(0, ROLES.indexOf(role))) {
        assert.equal(
          await codeOf(world.accounts.members.change(actor, actor.accountId ?? '', { role: wanted })),
          'FORBIDDEN',
          `${role} → ${wanted}`,
        )
      }
    }
  })

  test('of the last owner stays, even if two owners step down at the same moment', async () => {
    const world = await AccountsWorld.peopled()
    const [olga, id] = [await world.as('olga'), await world.idOf('olga')]
    assert.equal(await codeOf(world.accounts.members.change(olga, id, { role: 'member' })), 'CONFLICT')
    const other = await world.admit('otto', 'owner')
    const otto = await world.as('otto')
    const codes = await Promise.all([
      codeOf(world.accounts.members.change(olga, id, { role: 'member' })),
      codeOf(world.accounts.members.change(otto, other, { role: 'member' })),
    ])
    assert.deepEqual(codes.sort(), ['CONFLICT', 'OK'])
  })

  test('of an owner who is banned does not count as an owner', async () => {
    const world = await AccountsWorld.peopled()
    const other = await world.admit('otto', 'owner')
    const [olga, id] = [await world.as('olga'), await world.idOf('olga')]
    await world.accounts.members.change(olga, other, { isBanned: true })
    assert.equal(await codeOf(world.accounts.members.change(olga, id, { role: 'admin' })), 'CONFLICT')
  })

  test('is in the log of who did what', async () => {
    const world = await AccountsWorld.peopled()
    await world.accounts.members.change(await world.as('olga'), await world.idOf('minh'), { role: 'moderator' })
    await world.accounts.members.change(await world.asOperator(), await world.idOf('minh'), { isBanned: true, banReason: 'Spam' })
    assert.deepEqual((await world.actions()).slice(-2), ['olga member.role minh (member → moderator)', 'operator member.ban minh (Spam)'])
  })
})

describe('the list of members', () => {
  test('comes in pages, by name, each member once', async () => {
    const world = await AccountsWorld.peopled({}, { isOnline: () => true })
    for (let i = 0; i < 7; i++) await world.admit(`Person ${i}`)
    const names: string[] = []
    let after: string | undefined
    do {
      const page = await world.accounts.members.page(5, after)
      names.push(...page.items.map(({ name }) => name))
      after = page.nextAfter
    } while (after !== undefined)
    assert.deepEqual(names, ['adam', 'gao', 'minh', 'mona', 'olga', ...Array.from({ length: 7 }, (_, i) => `Person ${i}`)])
    assert.equal((await world.accounts.members.get(await world.idOf('gao'))).isOnline, true)
    assert.equal(await world.accounts.members.count(), 12)
  })
})
