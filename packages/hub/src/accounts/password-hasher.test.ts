import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { REAL_HUB_SYSTEM } from '../system.ts'
import { defaultPasswordHasherOptions, PASSWORD_COST, PasswordHasher } from './password-hasher.ts'

const CHEAP = { memoryKiB: 8, passes: 1, lanes: 1 }

function hasher(atOnce = 1, maxWaiting = 2, cost = CHEAP): PasswordHasher {
  return new PasswordHasher(REAL_HUB_SYSTEM, { cost, atOnce, maxWaiting })
}

describe('PasswordHasher', () => {
  test('knows the right password again, and no other', async () => {
    const passwords = hasher()
    const stored = await passwords.hash('mật khẩu của tôi')
    assert.match(stored, /^\$argon2id\$v=19\$m=8,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    assert.deepEqual(await passwords.verify('mật khẩu của tôi', stored), { isRight: true, isStale: false })
    for (const wrong of ['', 'mat khau cua toi', 'mật khẩu của tôi '.normalize('NFD'), 'mật khẩu của tôi '])
      assert.equal((await passwords.verify(wrong, stored)).isRight, false)
  })

  test('never gives the same hash twice', async () => {
    const passwords = hasher()
    assert.notEqual(await passwords.hash('the same words'), await passwords.hash('the same words'))
  })

  test('counts every character of a long password', async () => {
    const passwords = hasher()
    const stored = await passwords.hash(`${'x'.repeat(255)}a`)
    assert.equal((await passwords.verify(`${'x'.repeat(255)}b`, stored)).isRight, false)
  })

  test('works as much for an account that does not exist, and never says yes', async () => {
    const passwords = hasher()
    const stored = await passwords.hash('the right one')
    const before = passwords.count
    await passwords.verify('a wrong one', stored)
    assert.equal(passwords.count - before, 1)
    assert.deepEqual(await passwords.verify('a wrong one', undefined), { isRight: false, isStale: false })
    assert.equal(passwords.count - before, 2)
  })

  test('says when a hash was made at another cost', async () => {
    const stored = await hasher().hash('from long ago')
    const verdict = await hasher(1, 2, { memoryKiB: 16, passes: 1, lanes: 1 }).verify('from long ago', stored)
    assert.deepEqual(verdict, { isRight: true, isStale: true })
  })

  test('computes so many at once, lets so many wait, and sends the rest away', async () => {
    const passwords = hasher(1, 2)
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => passwords.hash('all at once')))
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code)),
      ['done', 'done', 'done', 'BUSY', 'BUSY'],
    )
    assert.match(await passwords.hash('and goes on'), /^\$argon2id/)
  })

  test('costs what OWASP asks for, and leaves a thread of the pool to others', () => {
    assert.deepEqual(PASSWORD_COST, { memoryKiB: 19_456, passes: 2, lanes: 1 })
    assert.equal(defaultPasswordHasherOptions(64).atOnce, 3)
    assert.equal(defaultPasswordHasherOptions(2).atOnce, 2)
  })
})
