import { Registration, SessionInfo, Setup, SignedIn, SignIn } from '@shoal/api/hub-api'
import { idParams, listOf } from '@shoal/door/list-reply'
import Type from 'typebox'
import type { Accounts } from '../accounts/accounts.ts'
import type { Entrant } from '../accounts/registrar.ts'
import { endedCookie, sessionCookie } from '../accounts/session-cookie.ts'
import { accountUser } from './account-user.ts'
import { type HubCall, type HubRoute, route } from './route.ts'

/**
 * Coming in and going out. What answers with a secret is never kept for repeats: a lost answer is asked for anew.
 */
export function sessionRoutes(accounts: Accounts): HubRoute[] {
  async function signedIn({ account, session }: Entrant, { origin }: HubCall): Promise<SignedIn & { token: string }> {
    return { account: await accounts.describe(account, origin), token: session.token, expiresAt: session.expiresAt }
  }

  return [
    route({
      method: 'POST',
      url: '/v1/setup',
      summary: 'Become the owner of a new hub, with the code of the link that it printed',
      needs: 'public',
      body: Setup,
      reply: SignedIn,
      status: 201,
      isIdempotent: false,
      limit: 'register',
      handle: async (call) => signedIn(await accounts.registrar.setUp(call.body, call.caller), call),
    }),
    route({
      method: 'POST',
      url: '/v1/setup-links',
      summary: 'A new set-up link, for a hub without an owner; earlier ones end',
      needs: 'settings:write',
      reply: Type.Object({ link: Type.String() }),
      status: 201,
      isIdempotent: false,
      handle: async ({ caller, origin }) => ({ link: setupLink(origin, await accounts.registrar.setupCode(caller)) }),
    }),
    route({
      method: 'POST',
      url: '/v1/accounts',
      summary: 'Register, with an invite if the hub wants one, and be signed in',
      needs: 'public',
      body: Registration,
      reply: SignedIn,
      status: 201,
      isIdempotent: false,
      limit: 'register',
      handle: async (call) => signedIn(await accounts.registrar.register(call.body, call.caller), call),
    }),
    route({
      method: 'POST',
      url: '/v1/sessions',
      summary: 'Sign in; with `cookie` the browser keeps the token',
      needs: 'public',
      body: SignIn,
      reply: SignedIn,
      status: 201,
      isIdempotent: false,
      limit: 'sign-in',
      handle: async (call) => {
        const { token, ...rest } = await signedIn(await accounts.signIn.signIn(call.body, call.caller), call)
        if (call.body.cookie !== true) return { ...rest, token }
        call.setHeader('set-cookie', sessionCookie(token, isSecure(call.origin)))
        return rest
      },
    }),
    route({
      method: 'GET',
      url: '/v1/sessions',
      summary: 'Where one is signed in',
      needs: 'account:use',
      reply: listOf(SessionInfo),
      handle: async ({ caller }) => {
        const { accountId, sessionId } = accountUser(caller)
        return { items: await accounts.sessions.list(accountId, sessionId) }
      },
    }),
    route({
      method: 'DELETE',
      url: '/v1/sessions/current',
      summary: 'Sign out; also of a session that has ended',
      needs: 'public',
      handle: async (call) => {
        const { caller } = call
        call.setHeader('set-cookie', endedCookie(isSecure(call.origin)))
        if (caller.sessionId !== undefined) await accounts.sessions.end(accountUser(caller), caller.sessionId, 'account.sign-out')
        return undefined
      },
    }),
    route({
      method: 'DELETE',
      url: '/v1/sessions/:id',
      summary: 'End one of one’s sessions',
      needs: 'account:use',
      params: idParams,
      handle: async ({ caller, params }) => {
        await accounts.sessions.end(accountUser(caller), params.id, 'session.end')
        return undefined
      },
    }),
    route({
      method: 'DELETE',
      url: '/v1/sessions',
      summary: 'Sign out everywhere: ends every session and every token',
      needs: 'account:use',
      handle: async (call) => {
        await accounts.signIn.signOutEverywhere(accountUser(call.caller))
        call.setHeader('set-cookie', endedCookie(isSecure(call.origin)))
        return undefined
      },
    }),
  ]
}

/** The code is behind `#`: browsers send it to nobody. */
export function setupLink(origin: string, code: string): string {
  return `${origin}/setup#${code}`
}

function isSecure(origin: string): boolean {
  return origin.startsWith('https:')
}
