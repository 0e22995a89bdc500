import { ROLES, type Role, type Scope } from '@shoal/api/permissions'
import type { HubCaller } from '../src/accounts/caller.ts'
import { AccountsWorld, NAMES, ORIGIN, PASSWORD } from './accounts-world.ts'
import type { Asked } from './route-desk.ts'

/** Everybody who could call: without an account on a closed and on an open hub, each role, the operator, and an owner's tokens. */
export const ACTORS = ['stranger', 'visitor', ...ROLES, 'operator', 'read token', 'feed token', 'all token'] as const
export type Actor = (typeof ACTORS)[number]

export const EVERYBODY: readonly Actor[] = [...ACTORS]
const ACCOUNTS: readonly Actor[] = [...ROLES, 'all token']
const SIGNED_IN: readonly Actor[] = ROLES
const READERS: readonly Actor[] = ['visitor', 'owner', 'admin', 'moderator', 'member', 'operator', 'read token', 'all token']
const MODERATORS: readonly Actor[] = ['owner', 'admin', 'moderator', 'operator', 'all token']
const ADMINS: readonly Actor[] = ['owner', 'admin', 'operator', 'all token']

export type Request = Omit<Asked, 'as'>
export interface Row {
  readonly route: string
  readonly may: readonly Actor[]
  /** A good request for it. */
  readonly request?: (world: AccountsWorld, actor: HubCaller) => Request | Promise<Request>
  /** What they hear who may call, when it is not `OK`. */
  readonly answers?: string
}

/** The whole matrix, by hand: what the table of permissions says is not believed here. */
export const MATRIX: readonly Row[] = [
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

/** What the actor shows; undefined is nothing. */
export async function tokenFor(world: AccountsWorld, actor: Actor): Promise<string | undefined> {
  if (actor === 'stranger' || actor === 'visitor') return undefined
  if (actor === 'operator') return world.operator.text
  if (!actor.endsWith(' token')) return world.tokens.get(NAMES[actor as Role])
  const { accountId = '', name } = await world.as('olga')
  const scopes = [actor.split(' ')[0] as Scope]
  return (await world.accounts.tokens.create({ accountId, name }, { label: 'test', scopes })).token
}

/** A hub as this actor meets it. */
export function worldFor(actor: Actor): Promise<AccountsWorld> {
  return AccountsWorld.peopled({ visitors: actor === 'visitor' ? 'member' : 'none', registration: 'open' })
}

/** What the actor hears of a good request. */
export function expectedOf({ may, answers = 'OK' }: Row, actor: Actor): string {
  if (may.includes(actor)) return answers
  return actor === 'stranger' || actor === 'visitor' ? 'NOT_SIGNED_IN' : 'FORBIDDEN'
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
