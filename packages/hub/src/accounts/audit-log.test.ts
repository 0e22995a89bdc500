import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AccountsWorld, DAY, from, ORIGIN, PASSWORD } from '../../test/accounts-world.ts'

describe('AuditLog', () => {
  test('has every act on accounts, by name, in the order in which it was done', async () => {
    const world = await AccountsWorld.empty({ registration: 'invite' })
    const { accounts } = world
    const code = await accounts.registrar.setupCode({ accountId: undefined, name: 'operator' })
    const { session } = await accounts.registrar.setUp({ code, name: 'Olga', password: PASSWORD }, from())
    const olga = await world.by(session.token)
    const user = { accountId: olga.accountId ?? '', name: olga.name, sessionId: olga.sessionId, ...from() }
    const invite = await accounts.invites.create(olga, { role: 'admin', note: 'for An' }, ORIGIN)
    const an = await accounts.registrar.register({ name: 'An', password: PASSWORD, invite: invite.code }, from())
    const taken = await accounts.invites.create(olga, { note: 'too many' }, ORIGIN)
    await accounts.invites.revoke(olga, taken.id)
    await accounts.members.change(olga, an.account.id, { role: 'member' })
    await accounts.members.change(olga, an.account.id, { isBanned: true })
    await accounts.members.change(olga, an.account.id, { isBanned: false })
    const token = await accounts.tokens.create(user, { label: 'script', scopes: ['read', 'feed'] })
    await accounts.tokens.revoke(user, token.id)
    const key = await accounts.announceKeys.create(user, 'laptop', ORIGIN)
    await accounts.announceKeys.revoke(user, key.id)
    await accounts.signIn.changePassword(user, { current: PASSWORD, password: 'another sentence' })
    await accounts.signIn.signIn({ name: 'an', password: PASSWORD }, from())
    await accounts.settings.change(olga, { registration: 'closed' })
    await accounts.signIn.signOutEverywhere(user)
    await accounts.signIn.deleteAccount({ ...user, accountId: an.account.id, name: 'An' }, PASSWORD)
    assert.deepEqual(await world.actions(), [
      'operator hub.setup-link owner',
      'Olga account.setup Olga (as owner)',
      'Olga invite.create for An (as admin, for 1)',
      'An account.register An (as admin)',
      'Olga invite.create too many (as member, for 1)',
      'Olga invite.revoke too many',
      'Olga member.role An (admin → member)',
      'Olga member.ban An',
      'Olga member.unban An',
      'Olga token.create script (read feed)',
      'Olga token.revoke script',
      'Olga announce-key.create laptop',
      'Olga announce-key.revoke laptop',
      'Olga account.password Olga',
      'An account.sign-in An',
      'Olga hub.settings registration ("invite" → "closed")',
      'Olga account.sign-out-everywhere Olga',
      'An account.delete An',
    ])
  })

  test('has nothing of what was refused', async () => {
    const world = await AccountsWorld.peopled()
    const before = await world.actions()
    await assert.rejects(world.accounts.members.change(await world.as('mona'), await world.idOf('olga'), { isBanned: true }))
    await assert.rejects(world.accounts.registrar.register({ name: 'Minh', password: PASSWORD }, from()), { code: 'TAKEN' })
    await assert.rejects(world.accounts.signIn.signIn({ name: 'minh', password: 'wrong' }, from()))
    assert.deepEqual(await world.actions(), before)
  })

  test('forgets what is older than four hundred days', async () => {
    const world = await AccountsWorld.peopled()
    world.system.time += 399 * DAY
    await world.accounts.signIn.signIn({ name: 'minh', password: PASSWORD }, from())
    await world.accounts.sweep()
    assert.ok((await world.actions()).length > 5)
    world.system.time += 2 * DAY
    await world.accounts.sweep()
    assert.deepEqual(await world.actions(), ['minh account.sign-in minh'])
  })
})
