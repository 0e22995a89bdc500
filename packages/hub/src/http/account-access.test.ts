import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { accountDesk } from '../../test/account-desk.ts'
import { ACTORS, EVERYBODY, expectedOf, MATRIX, type Request, tokenFor, worldFor } from '../../test/account-matrix.ts'
import { AccountsWorld, facts } from '../../test/accounts-world.ts'

describe('who may call what', () => {
  test('is said here of every route', async () => {
    const routes = accountDesk(await AccountsWorld.empty()).routes.map(({ method, url }) => `${method} ${url}`)
    assert.deepEqual(MATRIX.map((row) => row.route).sort(), routes.sort())
  })

  for (const row of MATRIX) {
    test(`${row.route}: ${row.may === EVERYBODY ? 'everybody' : row.may.join(', ')}`, async () => {
      for (const actor of ACTORS) {
        const world = await worldFor(actor)
        const token = await tokenFor(world, actor)
        const caller = token === undefined ? await world.accounts.callerOf(facts()) : await world.by(token)
        const given: Request = (await row.request?.(world, caller)) ?? {}
        const told = await accountDesk(world).ask(row.route, { as: caller, ...given })
        assert.equal(told.code, expectedOf(row, actor), `${actor}: ${told.detail}`)
      }
    })
  }
})

describe('a secret that is answered', () => {
  test('is never kept for a repeated call', async () => {
    for (const { method, url, reply, isIdempotent } of accountDesk(await AccountsWorld.empty()).routes) {
      const names = Object.keys((reply as { properties?: object } | undefined)?.properties ?? {})
      const hasSecret = names.some((name) => ['token', 'code', 'link', 'announceUrls'].includes(name))
      if (hasSecret && method !== 'GET') assert.equal(isIdempotent, false, `${method} ${url}`)
    }
  })
})
