import { AuditEntry, Settings, SettingsChange } from '@shoal/api/hub-api'
import { invalidField } from '@shoal/door/invalid-field'
import { cursorOf, DEFAULT_PAGE, listOf, pageQuery, positionOf } from '@shoal/door/list-reply'
import { cleanText } from '@shoal/protocol/clean-text'
import type { Accounts } from '../accounts/accounts.ts'
import { type HubRoute, route } from './route.ts'

/** What the people who run the hub see and change. */
export function settingsRoutes(accounts: Accounts): HubRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/settings',
      summary: 'The settings that can be changed while the hub runs',
      needs: 'settings:read',
      reply: Settings,
      handle: () => accounts.settings.current,
    }),
    route({
      method: 'PATCH',
      url: '/v1/settings',
      summary: 'Change some of them; they hold at once and over restarts',
      needs: 'settings:write',
      body: SettingsChange,
      reply: Settings,
      handle: ({ caller, body }) =>
        accounts.settings.change(caller, body.name === undefined ? body : { ...body, name: hubName(body.name) }),
    }),
    route({
      method: 'GET',
      url: '/v1/audit',
      summary: 'Who did what to whom, the newest first',
      needs: 'audit:read',
      query: pageQuery,
      reply: listOf(AuditEntry),
      handle: async ({ query }) => {
        const before = query.cursor === undefined ? undefined : entryNumber(query.cursor)
        const { items, nextBefore } = await accounts.audit.page(query.limit ?? DEFAULT_PAGE, before)
        return { items, ...(nextBefore === undefined ? {} : { nextCursor: cursorOf(String(nextBefore)) }) }
      },
    }),
  ]
}

const MAX_HUB_NAME_CHARACTERS = 60

function hubName(given: string): string {
  const name = cleanText(given, MAX_HUB_NAME_CHARACTERS)
  if (name !== '') return name
  throw invalidField('name', 'The name of a hub has at least one character that can be seen')
}

function entryNumber(cursor: string): number {
  const position = positionOf(cursor)
  if (/^\d{1,15}$/.test(position)) return Number(position)
  throw invalidField('cursor', 'The cursor is the nextCursor of the page before, as it came')
}
