import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ProblemError } from '@shoal/api/problem'
import { AccountsWorld, from, MINUTE, PASSWORD } from '../../test/accounts-world.ts'
import { ATTEMPT_RULES } from './attempts.ts'
import { PasswordHasher } from './password-hasher.ts'

const signIn = (world: AccountsWorld, name: string, password = PASSWORD, ip?: string) =>
  world.accounts.signIn.signIn({ name, password }, from(ip))

async function refusal(work: Promise<unknown>): Promise<ProblemError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Error && 'code' in error, 'it was not refused')
  return error as ProblemError
}

describe('signing in', () => {
  test('takes the name however it is written, and gives a session of its own each time', async () => {
    const world = await AccountsWorld.peopled()
    const one = await signIn(world, 'minh')
    const other = await signIn(world, 'MÌNH')
    assert.notEqual(one.session.token, other.session.token)
    for (const { session } of [one, other]) assert.equal((await world.by(session.token)).name, 'minh')
  })

  test('costs the same work and gets the same answer for a wrong password and for an unknown name', async () => {
    const world = await AccountsWorld.peopled()
    const answers = []
    for (const name of ['minh', 'nobody', '', ' ', '\u0000', 'x'.repeat(40)]) {
      const before = world.passwords.count
      const { code, message, extras } = await refusal(signIn(world, name, 'a wrong password'))
      answers.push({ code, message, extras, hashes: world.passwords.count - before })
    }
    for (const answer of answers) assert.deepEqual(answer, answers[0])
    assert.deepEqual([answers[0]?.code, answers[0]?.hashes], ['CREDENTIALS', 1])
  })

  test('asks the database as often for an unknown name as for a known one', async () => {
    const world = await AccountsWorld.peopled()
    const rowsBefore = JSON.parse(await world.dump('attempts')) as unknown[]
    await refusal(signIn(world, 'nobody', 'a wrong password', '203.0.113.1'))
    const rowsUnknown = JSON.parse(await world.dump('attempts')) as unknown[]
    await refusal(signIn(world, 'minh', 'a wrong password', '198.51.100.1'))
    const rowsKnown = JSON.parse(await world.dump('attempts')) as unknown[]
    // one for all, then of network, account, and both
    assert.deepEqual([rowsUnknown.length - rowsBefore.length, rowsKnown.length - rowsUnknown.length], [4, 3])
  })

  test('tells a banned person why, but only one who knows the password', async () => {
    const world = await AccountsWorld.peopled()
    await world.accounts.members.change(await world.as('mona'), await world.idOf('minh'), { isBanned: true, banReason: 'Spam' })
    const right = await refusal(signIn(world, 'minh'))
    assert.equal(right.code, 'FORBIDDEN')
    assert.match(right.message, /Spam/)
    assert.equal((await refusal(signIn(world, 'minh', 'a wrong password'))).code, 'CREDENTIALS')
  })

  test('that had to be turned away does not count as an attempt', async () => {
    const world = await AccountsWorld.peopled()
    const passwords = new PasswordHasher(world.system, { cost: { memoryKiB: 8, passes: 1, lanes: 1 }, atOnce: 1, maxWaiting: 0 })
    const busy = await AccountsWorld.on(world.database, world.system, {}, { passwords })
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => signIn(busy, 'minh')))
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [(result.reason as { code: string }).code] : []))
    assert.ok(refusals.length > 0)
    assert.deepEqual(new Set(refusals), new Set(['BUSY']))
    assert.equal((JSON.parse(await world.dump('attempts')) as unknown[]).length, 0)
  })

  test('hashes a password anew when the cost has changed', async () => {
    const world = await AccountsWorld.peopled()
    const passwords = new PasswordHasher(world.system, { cost: { memoryKiB: 16, passes: 1, lanes: 1 }, atOnce: 1, maxWaiting: 1 })
    const later = await AccountsWorld.on(world.database, world.system, {}, { passwords })
    await signIn(later, 'minh')
    assert.equal(passwords.count, 2)
    await signIn(later, 'minh')
    assert.equal(passwords.count, 3)
    assert.match(await world.dump('accounts'), /m=16,t=1,p=1/)
  })
})

describe('guessing passwords', () => {
  const most = ATTEMPT_RULES.signInHere.capacity

  test('ends after some attempts, also for the right password, and the wait is told', async () => {
    const world = await AccountsWorld.peopled()
    for (let i = 0; i < most; i++) assert.equal((await refusal(signIn(world, 'minh', `guess ${i}`))).code, 'CREDENTIALS')
    const before = world.passwords.count
    const refused = await refusal(signIn(world, 'minh'))
    assert.equal(refused.code, 'RATE_LIMITED')
    assert.equal(refused.extras.retryAfterSeconds, 60)
    assert.equal(world.passwords.count, before, 'a refused attempt costs no hash')
    world.system.time += MINUTE
    await signIn(world, 'minh')
  })

  test('is limited the same for names that do not exist', async () => {
    const world = await AccountsWorld.peopled()
    for (let i = 0; i < most; i++) await refusal(signIn(world, 'nobody', `guess ${i}`))
    assert.equal((await refusal(signIn(world, 'NOBODY', 'one more'))).code, 'RATE_LIMITED')
  })

  test('from elsewhere locks nobody out at home', async () => {
    const world = await AccountsWorld.peopled()
    for (let i = 0; i < most; i++) await refusal(signIn(world, 'minh', 'guess', '203.0.113.5'))
    assert.equal((await refusal(signIn(world, 'minh', 'guess', '203.0.113.77'))).code, 'RATE_LIMITED')
    await signIn(world, 'minh', PASSWORD, '192.0.2.1')
  })

  test('at the same moment counts every attempt', async () => {
    const world = await AccountsWorld.peopled()
    const codes = (await Promise.all(Array.from({ length: 50 }, (_, i) => refusal(signIn(world, 'minh', `guess ${i}`))))).map(
      ({ code }) => code,
    )
    assert.equal(codes.filter((code) => code === 'CREDENTIALS').length, most)
  })

  test('is not forgiven by a restart', async () => {
    const world = await AccountsWorld.peopled()
    for (let i = 0; i < most; i++) await refusal(signIn(world, 'minh', 'guess'))
    const restarted = await AccountsWorld.on(world.database, world.system)
    assert.equal((await refusal(signIn(restarted, 'minh'))).code, 'RATE_LIMITED')
  })

  test('of many accounts by one network ends, too', async () => {
    const world = await AccountsWorld.peopled()
    const { capacity } = ATTEMPT_RULES.signInNetwork
    for (let i = 0; i < capacity; i++) await refusal(signIn(world, `name ${i}`, 'guess', `203.0.113.${i % 250}`))
    assert.equal((await refusal(signIn(world, 'minh', PASSWORD, '203.0.113.251'))).code, 'RATE_LIMITED')
    await signIn(world, 'minh', PASSWORD, '192.0.2.1')
  })

  test('of one account by many networks ends, too', async () => {
    const world = await AccountsWorld.peopled()
    const { capacity } = ATTEMPT_RULES.signInAccount
    for (let i = 0; i < capacity; i++) await refusal(signIn(world, 'minh', 'guess', `203.0.${i}.1`))
    assert.equal((await refusal(signIn(world, 'minh', 'guess', '198.51.100.1'))).code, 'RATE_LIMITED')
    await signIn(world, 'mona', PASSWORD, '198.51.100.1')
  })

  test('is not what a class does that signs in through one address', async () => {
    const world = await AccountsWorld.peopled()
    for (let i = 0; i < 300; i++) await signIn(world, 'minh')
    assert.equal((JSON.parse(await world.dump('attempts')) as unknown[]).length, 0)
  })

  test('leaves neither names nor whole addresses in the database', async () => {
    const world = await AccountsWorld.peopled()
    await refusal(signIn(world, 'my secret password', 'minh', '203.0.113.77'))
    await refusal(signIn(world, 'minh', 'guess', '2001:db8:1:2:3:4:5:6'))
    const rows = await world.dump('attempts')
    assert.doesNotMatch(rows, /my secret|minh|203\.0\.113\.77|2:3:4:5:6/)
    assert.match(rows, /203\.0\.113\.0\/24/)
    assert.match(rows, /2001:db8:1::\/56/)
  })
})

describe('one’s own account', () => {
  const userOf = async (world: AccountsWorld, name: string) => {
    const caller = await world.as(name)
    return { ...from(), accountId: caller.accountId ?? '', name: caller.name, sessionId: caller.sessionId }
  }

  test('gets a new password only from who knows the old one, and all other sessions end', async () => {
    const world = await AccountsWorld.peopled()
    const elsewhere = (await signIn(world, 'minh')).session.token
    const minh = await userOf(world, 'minh')
    await assert.rejects(world.accounts.signIn.changePassword(minh, { current: 'wrong', password: 'a new sentence' }), {
      code: 'CREDENTIALS',
    })
    await world.accounts.signIn.changePassword(minh, { current: PASSWORD, password: 'a new sentence' })
    await assert.rejects(world.by(elsewhere), { code: 'NOT_SIGNED_IN' })
    assert.equal((await world.as('minh')).name, 'minh')
    await assert.rejects(signIn(world, 'minh'), { code: 'CREDENTIALS' })
    await signIn(world, 'minh', 'a new sentence')
  })

  test('changes its password once when it is asked twice at the same moment', async () => {
    const world = await AccountsWorld.peopled()
    const minh = await userOf(world, 'minh')
    const change = (password: string) => world.accounts.signIn.changePassword(minh, { current: PASSWORD, password })
    const results = await Promise.allSettled([change('the first sentence'), change('the second sentence')])
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  })

  test('is signed out everywhere: no session and no token is left', async () => {
    const world = await AccountsWorld.peopled()
    const minh = await userOf(world, 'minh')
    const elsewhere = (await signIn(world, 'minh')).session.token
    const { token } = await world.accounts.tokens.create(minh, { label: 'script', scopes: ['read'] })
    await world.accounts.signIn.signOutEverywhere(minh)
    for (const gone of [world.tokens.get('minh') ?? '', elsewhere, token]) await assert.rejects(world.by(gone), { code: 'NOT_SIGNED_IN' })
    await signIn(world, 'minh')
  })

  test('is deleted with all that opens it, and the name is free', async () => {
    const world = await AccountsWorld.peopled()
    const minh = await userOf(world, 'minh')
    const [url = ''] = await world.accounts.announceKeys.urlsOf(minh.accountId, '')
    const key = url.split('/')[2] ?? ''
    assert.equal(world.accounts.announceKeys.memberOf(key)?.accountId, minh.accountId)
    await assert.rejects(world.accounts.signIn.deleteAccount(minh, 'wrong'), { code: 'CREDENTIALS' })
    await world.accounts.signIn.deleteAccount(minh, PASSWORD)
    await assert.rejects(world.as('minh'), { code: 'NOT_SIGNED_IN' })
    assert.equal(world.accounts.announceKeys.memberOf(key), undefined)
    for (const table of ['sessions', 'announce_keys', 'tokens', 'accounts'] as const)
      assert.equal((await world.dump(table)).includes(minh.accountId), false, table)
    await world.admit('minh')
  })

  test('of the last owner cannot be deleted', async () => {
    const world = await AccountsWorld.peopled()
    await assert.rejects(world.accounts.signIn.deleteAccount(await userOf(world, 'olga'), PASSWORD), { code: 'CONFLICT' })
    await world.admit('otto', 'owner')
    const [olga, otto] = [await userOf(world, 'olga'), await userOf(world, 'otto')]
    const results = await Promise.allSettled([olga, otto].map((user) => world.accounts.signIn.deleteAccount(user, PASSWORD)))
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  })
})
