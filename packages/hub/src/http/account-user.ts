import { ProblemError } from '@shoal/api/problem'
import type { AccountUser } from '../accounts/sign-in.ts'
import type { Caller } from './route.ts'

/**
 * The caller as somebody with an account of their own.
 *
 * @throws {ProblemError} `NOT_SIGNED_IN` for visitors, `FORBIDDEN` for the operator
 */
export function accountUser(caller: Caller): AccountUser {
  const { accountId, name, sessionId, ip, agent } = caller
  if (accountId !== undefined) return { accountId, name, sessionId, ip, agent }
  if (!caller.may('account:use')) throw new ProblemError('NOT_SIGNED_IN', 'This is about your own account: sign in first')
  throw new ProblemError(
    'FORBIDDEN',
    "The operator's token stands for no account. Make one with the set-up link, or an invite, and sign in with it",
  )
}

/**
 * The same, signed in: what lasts longer than a token is not done with a token.
 *
 * @throws {ProblemError} also `FORBIDDEN` for tokens
 */
export function signedInUser(caller: Caller): AccountUser {
  const user = accountUser(caller)
  if (user.sessionId !== undefined) return user
  throw new ProblemError(
    'FORBIDDEN',
    'This cannot be done with a token, so that a lost token gives nothing that outlives it: sign in with your password',
  )
}
