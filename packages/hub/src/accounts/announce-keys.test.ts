import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AccountsWorld, MINUTE, ORIGIN } from '../../test/accounts-world.ts'
import { MembersOnly, WRONG_KEY } from '../tracker/access.ts'
import { MAX_ANNOUNCE_KEYS } from './announce-keys.ts'

async function world(): Promise<{ world: AccountsWorld; user: { accountId: string; name: string } }> {
  const made = await AccountsWorld.peopled({}, { trackersAt: (origin) => [origin, 'udp://class.example:6880'] })
  return { world: made, user: { accountId: await made.idOf('minh'), name: 'minh' } }
}

const keyIn = (url: string | undefined) => url?.split('/').at(-2) ?? ''

describe('AnnounceKeys', () => {
  test('stand in the URLs of every tracker, and lead back to their member at once', async () => {
    const { world: made, user } = await world()
    const { announceKeys } = made.accounts
    const { id, announceUrls } = await announceKeys.create(user, 'laptop', ORIGIN)
    const key = keyIn(announceUrls[0])
    assert.deepEqual(announceUrls, [`${ORIGIN}/a/${key}/announce`, `udp://class.example:6880/a/${key}/announce`])
    assert.deepEqual(announceKeys.memberOf(key), { accountId: user.accountId, keyId: id })
    const question = (announceKey: string) => ({ infoHash: new Uint8Array(20), announceKey, announce: undefined })
    const membersOnly = new MembersOnly(announceKeys)
    assert.equal(membersOnly.refusalOf(question(key)), undefined)
    assert.equal(membersOnly.refusalOf(question(`${key}0`)), WRONG_KEY)
  })

  test('are 160 bits that nobody finds in the database', async () => {
    const { world: made, user } = await world()
    const keys = (await made.accounts.announceKeys.list(user.accountId, ORIGIN)).map(({ announceUrls }) => keyIn(announceUrls[0]))
    assert.equal(keys.length, 1)
    assert.match(keys[0] ?? '', /^[0-9a-f]{40}$/)
    assert.equal((await made.dump('announce_keys')).includes(keys[0] ?? ''), false)
  })

  test('are the same after a restart, and others with another secret', async () => {
    const { world: made, user } = await world()
    const [before] = await made.accounts.announceKeys.urlsOf(user.accountId, ORIGIN)
    const again = (await AccountsWorld.on(made.database, made.system)).accounts.announceKeys
    assert.deepEqual(await again.urlsOf(user.accountId, ORIGIN), [before])
    assert.equal(again.memberOf(keyIn(before))?.accountId, user.accountId)
    const other = (await AccountsWorld.on(made.database, made.system, {}, { secret: new Uint8Array(32) })).accounts.announceKeys
    assert.notDeepEqual(await other.urlsOf(user.accountId, ORIGIN), [before])
    assert.equal(other.memberOf(keyIn(before)), undefined)
  })

  test('are nobody’s when they are unknown, cut, prolonged, in capitals or revoked', async () => {
    const { world: made, user } = await world()
    const { announceKeys } = made.accounts
    const { id, announceUrls } = await announceKeys.create(user, 'laptop', ORIGIN)
    const key = keyIn(announceUrls[0])
    for (const wrong of ['', key.slice(1), `${key}0`, key.toUpperCase(), '__proto__', id])
      assert.equal(announceKeys.memberOf(wrong), undefined)
    await announceKeys.revoke(user, id)
    assert.equal(announceKeys.memberOf(key), undefined)
    await assert.rejects(announceKeys.revoke(user, id), { code: 'NOT_FOUND' })
    assert.equal((await announceKeys.list(user.accountId, ORIGIN)).length, 1)
  })

  test('note their use in memory, and in the database once a minute', async () => {
    const { world: made, user } = await world()
    const { announceKeys } = made.accounts
    const key = keyIn((await announceKeys.urlsOf(user.accountId, ORIGIN))[0])
    const before = await made.dump('announce_keys')
    made.system.time += MINUTE
    for (let i = 0; i < 100; i++) announceKeys.memberOf(key)
    assert.equal(await made.dump('announce_keys'), before)
    assert.equal((await announceKeys.list(user.accountId, ORIGIN))[0]?.lastUsedAt, made.system.time)
    await made.accounts.sweep()
    assert.match(await made.dump('announce_keys'), new RegExp(`"last_used_at":${made.system.time}`))
  })

  test('are so many at most, also when they are asked for at the same moment', async () => {
    const { world: made, user } = await world()
    const results = await Promise.allSettled(
      Array.from({ length: MAX_ANNOUNCE_KEYS + 5 }, (_, i) => made.accounts.announceKeys.create(user, `key ${i}`, ORIGIN)),
    )
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [(result.reason as { code: string }).code] : []))
    assert.deepEqual(
      refusals,
      Array.from({ length: 6 }, () => 'QUOTA'),
    )
  })
})
