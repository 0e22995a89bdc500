import {
  Account,
  AccountDeletion,
  AnnounceKeyInfo,
  CreatedToken,
  NewAnnounceKey,
  NewToken,
  PasswordChange,
  TokenInfo,
} from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { invalidField } from '@shoal/door/invalid-field'
import { idParams, listOf } from '@shoal/door/list-reply'
import { cleanText } from '@shoal/protocol/clean-text'
import type { Accounts } from '../accounts/accounts.ts'
import { MAX_LABEL_CHARACTERS } from '../accounts/api-tokens.ts'
import { accountUser, signedInUser } from './account-user.ts'
import { type HubRoute, route } from './route.ts'

/** One's own account. What outlives a session is made by somebody who is signed in, not by a token. */
export function accountRoutes(accounts: Accounts): HubRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/account',
      summary: 'Who one is, what one may, and the announce URLs with one’s own key',
      needs: 'account:use',
      reply: Account,
      handle: async ({ caller, origin }) => {
        const account = await accounts.find(accountUser(caller).accountId, origin)
        if (account === undefined) throw new ProblemError('NOT_SIGNED_IN', 'This account was deleted a moment ago')
        return account
      },
    }),
    route({
      method: 'DELETE',
      url: '/v1/account',
      summary: 'Delete one’s account for good; what it has published stays, without an owner',
      needs: 'account:use',
      body: AccountDeletion,
      limit: 'sign-in',
      handle: async ({ caller, body }) => {
        await accounts.signIn.deleteAccount(signedInUser(caller), body.current)
        return undefined
      },
    }),
    route({
      method: 'PUT',
      url: '/v1/account/password',
      summary: 'Change one’s password; all other sessions end',
      needs: 'account:use',
      body: PasswordChange,
      isIdempotent: false,
      limit: 'sign-in',
      handle: async ({ caller, body }) => {
        await accounts.signIn.changePassword(signedInUser(caller), body)
        return undefined
      },
    }),
    route({
      method: 'GET',
      url: '/v1/account/tokens',
      summary: 'One’s tokens for programs, without their secrets',
      needs: 'account:use',
      reply: listOf(TokenInfo),
      handle: async ({ caller }) => ({ items: await accounts.tokens.list(accountUser(caller).accountId) }),
    }),
    route({
      method: 'POST',
      url: '/v1/account/tokens',
      summary: 'A token for a program; shown this once',
      needs: 'account:use',
      body: NewToken,
      reply: CreatedToken,
      status: 201,
      isIdempotent: false,
      handle: ({ caller, body }) => accounts.tokens.create(signedInUser(caller), { ...body, label: labelOf(body.label) }),
    }),
    route({
      method: 'DELETE',
      url: '/v1/account/tokens/:id',
      summary: 'Revoke a token',
      needs: 'account:use',
      params: idParams,
      handle: async ({ caller, params }) => {
        await accounts.tokens.revoke(accountUser(caller), params.id)
        return undefined
      },
    }),
    route({
      method: 'GET',
      url: '/v1/account/announce-keys',
      summary: 'One’s announce keys, as the URLs in which they stand',
      needs: 'account:use',
      reply: listOf(AnnounceKeyInfo),
      handle: async ({ caller, origin }) => ({ items: await accounts.announceKeys.list(accountUser(caller).accountId, origin) }),
    }),
    route({
      method: 'POST',
      url: '/v1/account/announce-keys',
      summary: 'One more announce key, for another device perhaps',
      needs: 'account:use',
      body: NewAnnounceKey,
      reply: AnnounceKeyInfo,
      status: 201,
      isIdempotent: false,
      handle: ({ caller, body, origin }) => accounts.announceKeys.create(signedInUser(caller), labelOf(body.label), origin),
    }),
    route({
      method: 'DELETE',
      url: '/v1/account/announce-keys/:id',
      summary: 'Revoke an announce key: torrents with it announce no more',
      needs: 'account:use',
      params: idParams,
      handle: async ({ caller, params }) => {
        await accounts.announceKeys.revoke(accountUser(caller), params.id)
        return undefined
      },
    }),
  ]
}

function labelOf(given: string): string {
  const label = cleanText(given, MAX_LABEL_CHARACTERS)
  if (label !== '') return label
  throw invalidField('label', 'A label has at least one character that can be seen')
}
