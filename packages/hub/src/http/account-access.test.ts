import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ROLES, type Role, type Scope } from '@shoal/api/permissions'
import { accountDesk } from '../../test/account-desk.ts'
import { AccountsWorld, facts, NAMES, ORIGIN, PASSWORD } from '../../test/accounts-world.ts'
import type { Asked } from '../../test/route-desk.ts'
import type { HubCaller } from '../accounts/caller.ts'

/** Everybody who could call: without an account on a closed and on an open hub, each role, the operator, and an owner's tokens. */
const ACTORS = ['stranger', 'visitor', ...ROLES, 'operator', 'read token', 'feed token', 'all token'] as const
type Actor = (typeof ACTORS)[number]

const EVERYBODY = ACTORS
const ACCOUNTS: readonly Actor[] = [...ROLES, 'all token']
const SIGNED_IN: readonly Actor[] = ROLES
const READERS: readonly Actor[] = ['visitor', 'owner', 'admin', 'moderator', 'member', 'operator', 'read token', 'all token']
const MODERATORS: readonly Actor[] = ['owner', 'admin', 'moderator', 'operator', 'all token']
const ADMINS: readonly Actor[] = ['owner', 'admin', 'operator', 'all token']

type Request = Omit<Asked, 'as'>
interface Row {
  readonly route: string
  readonly may: readonly Actor[]
  /** A good request for it. */
  readonly request?: (world: AccountsWorld, actor: HubCaller) => Request | Promise<Request>
  /** What they hear who may call, when it is not `OK`. */
  readonly answers?: string
}

/** The whole matrix, by hand: what the table of permissions says is not believed here. */
const MATRIX: readonly Row[] = [
  // the hub of these tests has an owner
  {
    route: 'POST /v1/setup',
    may: EVERYBODY,
    request: () => ({ body: { code: 'x', name: 'an', password: PASSWORD } }),
    answers: 'CONFLICT',
  },
  { route: 'POST /v1/setup-links', may: ADMINS, answers: 'CONFLICT' },
  { route: 'POST /v1/accounts', may: EVERYBODY, request: () => ({ body: { name: 'an', password: PASSWORD } }) },
  { route: 'POST /v1/sessions', may: EVERYBODY, request: () => ({ body: { name: 'minh', password: PASSWORD } }) },
  { route: 'GET /v1/sessions', may: ACCOUNTS },
  { route: 'DELETE /v1/sessions/current', may: EVERYBODY },
  { route: 'DELETE /v1/sessions/:id', may: ACCOUNTS, request: ownSession },
  { route: 'DELETE /v1/sessions', may: ACCOUNTS },
  { route: 'GET /v1/account', may: ACCOUNTS },
  { route: 'DELETE /v1/account', may: SIGNED_IN, request: async (world) => ({ body: await withSecondOwner(world) }) },
  { route: 'PUT /v1/account/password', may: SIGNED_IN, request: () => ({ body: { current: PASSWORD, password: 'another sentence' } }) },
  { route: 'GET /v1/account/tokens', may: ACCOUNTS },
  { route: 'POST /v1/account/tokens', may: SIGNED_IN, request: () => ({ body: { label: 'feed reader', scopes: ['feed'] } }) },
  { route: 'DELETE /v1/account/tokens/:id', may: ACCOUNTS, request: ownToken },
  { route: 'GET /v1/account/announce-keys', may: ACCOUNTS },
  { route: 'POST /v1/account/announce-keys', may: SIGNED_IN, request: () => ({ body: { label: 'laptop' } }) },
  { route: 'DELETE /v1/account/announce-keys/:id', may: ACCOUNTS, request: ownKey },
  { route: 'GET /v1/members', may: READERS },
  { route: 'GET /v1/members/:id', may: READERS, request: async (world) => ({ params: { id: await world.idOf('gao') } }) },
  // a guest of their own: nobody may ban themselves
  {
    route: 'PATCH /v1/members/:id',
    may: MODERATORS,
    request: async (world) => ({ params: { id: await world.admit('greta', 'guest') }, body: { isBanned: true } }),
  },
  { route: 'GET /v1/invites', may: MODERATORS },
  { route: 'POST /v1/invites', may: MODERATORS, request: () => ({ body: { role: 'guest' } }) },
  { route: 'DELETE /v1/invites/:id', may: MODERATORS, request: ownInvite },
  { route: 'GET /v1/settings', may: ADMINS },
  { route: 'PATCH /v1/settings', may: ADMINS, request: () => ({ body: { registration: 'closed' } }) },
  { route: 'GET /v1/audit', may: ADMINS },
  { route: 'POST /register', may: EVERYBODY, request: () => ({ body: { username: 'an', password: '123456' } }) },
  { route: 'POST /login', may: EVERYBODY, request: () => ({ body: { username: 'minh', password: PASSWORD } }) },
]

async function callerFor(world: AccountsWorld, actor: Actor): Promise<HubCaller> {
  if (actor === 'stranger' || actor === 'visitor') return await world.accounts.callerOf(facts())
  if (actor === 'operator') return await world.asOperator()
  if (!actor.endsWith(' token')) return await world.as(NAMES[actor as Role])
  const olga = await world.as('olga')
  assert.ok(olga.accountId !== undefined)
  const scopes = [actor.split(' ')[0] as Scope]
  const { token } = await world.accounts.tokens.create({ accountId: olga.accountId, name: olga.name }, { label: 'test', scopes })
  return await world.by(token)
}

async function ownSession(world: AccountsWorld, { accountId }: HubCaller): Promise<Request> {
  if (accountId === undefined) return { params: { id: 's0' } }
  const [session] = await world.accounts.sessions.list(accountId, undefined)
  return { params: { id: session?.id ?? '' } }
}

async function ownToken(world: AccountsWorld, { accountId, name }: HubCaller): Promise<Request> {
  if (accountId === undefined) return { params: { id: 't0' } }
  return { params: { id: (await world.accounts.tokens.create({ accountId, name }, { label: 'x', scopes: ['feed'] })).id } }
}

async function ownKey(world: AccountsWorld, { accountId, name }: HubCaller): Promise<Request> {
  if (accountId === undefined) return { params: { id: 'k0' } }
  return { params: { id: (await world.accounts.announceKeys.create({ accountId, name }, 'x', ORIGIN)).id } }
}

async function ownInvite(world: AccountsWorld, actor: HubCaller): Promise<Request> {
  const inviter = actor.may('members:invite') ? actor : await world.as('olga')
  return { params: { id: (await world.accounts.invites.create(inviter, { role: 'guest' }, ORIGIN)).id } }
}

async function withSecondOwner(world: AccountsWorld): Promise<{ current: string }> {
  await world.admit('otto', 'owner')
  return { current: PASSWORD }
}

describe('who may call what', () => {
  test('is said here of every route', async () => {
    const routes = accountDesk(await AccountsWorld.empty()).routes.map(({ method, url }) => `${method} ${url}`)
    assert.deepEqual(MATRIX.map((row) => row.route).sort(), routes.sort())
  })

  for (const { route, may, request = () => ({}), answers = 'OK' } of MATRIX) {
    test(`${route}: ${may === EVERYBODY ? 'everybody' : may.join(', ')}`, async () => {
      for (const actor of ACTORS) {
        const world = await AccountsWorld.peopled({ visitors: actor === 'visitor' ? 'member' : 'none', registration: 'open' })
        const caller = await callerFor(world, actor)
        const given: Request = await Promise.resolve(request(world, caller))
        const told = await accountDesk(world).ask(route, { as: caller, ...given })
        const expected = may.includes(actor) ? answers : actor === 'stranger' || actor === 'visitor' ? 'NOT_SIGNED_IN' : 'FORBIDDEN'
        assert.equal(told.code, expected, `${actor}: ${told.detail}`)
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
