import { CreatedInvite, InviteInfo, Member, MemberChange, NewInvite } from '@shoal/api/hub-api'
import { cursorOf, DEFAULT_PAGE, idParams, listOf, pageQuery, positionOf } from '@shoal/door/list-reply'
import type { Accounts } from '../accounts/accounts.ts'
import { type HubRoute, route } from './route.ts'

/** The people of the hub, and those who are invited. */
export function memberRoutes(accounts: Accounts): HubRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/members',
      summary: 'The members, by name',
      needs: 'members:read',
      query: pageQuery,
      reply: listOf(Member),
      handle: async ({ query, caller }) => {
        const after = query.cursor === undefined ? '' : positionOf(query.cursor)
        const { items, nextAfter } = await accounts.members.page(query.limit ?? DEFAULT_PAGE, after)
        const shown = items.map((member) => asSeenBy(caller.may('members:ban'), member))
        return { items: shown, ...(nextAfter === undefined ? {} : { nextCursor: cursorOf(nextAfter) }) }
      },
    }),
    route({
      method: 'GET',
      url: '/v1/members/:id',
      summary: 'One member',
      needs: 'members:read',
      params: idParams,
      reply: Member,
      handle: async ({ params, caller }) => asSeenBy(caller.may('members:ban'), await accounts.members.get(params.id)),
    }),
    route({
      method: 'PATCH',
      url: '/v1/members/:id',
      summary: 'Give a role, ban, let back in: only members of a role below one’s own',
      needs: 'members:ban',
      params: idParams,
      body: MemberChange,
      reply: Member,
      handle: ({ caller, params, body }) => accounts.members.change(caller, params.id, body),
    }),
    route({
      method: 'GET',
      url: '/v1/invites',
      summary: 'Invites that can still be used, without their codes',
      needs: 'members:invite',
      reply: listOf(InviteInfo),
      handle: async () => ({ items: await accounts.invites.list() }),
    }),
    route({
      method: 'POST',
      url: '/v1/invites',
      summary: 'Invite somebody, with a role below one’s own; the code is shown this once',
      needs: 'members:invite',
      body: NewInvite,
      reply: CreatedInvite,
      status: 201,
      isIdempotent: false,
      handle: ({ caller, body, origin }) => accounts.invites.create(caller, body, origin),
    }),
    route({
      method: 'DELETE',
      url: '/v1/invites/:id',
      summary: 'Take an invite back',
      needs: 'members:invite',
      params: idParams,
      handle: async ({ caller, params }) => {
        await accounts.invites.revoke(caller, params.id)
        return undefined
      },
    }),
  ]
}

/** Why somebody was banned is for those who ban. */
function asSeenBy(isModerator: boolean, { banReason, ...member }: Member): Member {
  return isModerator && banReason !== undefined ? { ...member, banReason } : member
}
