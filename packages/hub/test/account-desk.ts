import { accountRoutes } from '../src/http/account-routes.ts'
import { foundingAccountRoutes } from '../src/http/founding-account-routes.ts'
import { memberRoutes } from '../src/http/member-routes.ts'
import { sessionRoutes } from '../src/http/session-routes.ts'
import { settingsRoutes } from '../src/http/settings-routes.ts'
import type { AccountsWorld } from './accounts-world.ts'
import { RouteDesk } from './route-desk.ts'

/** All routes that are about accounts. */
export function accountDesk({ accounts }: AccountsWorld): RouteDesk {
  return new RouteDesk([
    ...sessionRoutes(accounts),
    ...accountRoutes(accounts),
    ...memberRoutes(accounts),
    ...settingsRoutes(accounts),
    ...foundingAccountRoutes(accounts),
  ])
}
