import type { Permission, Role } from '@shoal/api/permissions'
import type { Caller as AnyCaller, Call, Route } from '@shoal/door/route'
import type { TSchema } from 'typebox'

/** Who calls a hub: roles and permissions are those of its accounts. */
export type Caller = AnyCaller<Permission, Role>
export type HubCall<P = unknown, Q = unknown, B = unknown> = Call<P, Q, B, Caller>
export type HubRoute<
  P extends TSchema = TSchema,
  Q extends TSchema = TSchema,
  B extends TSchema = TSchema,
  R extends TSchema = TSchema,
> = Route<P, Q, B, R, Caller>

/** Ties the types of a route's schemas together: `export const listFiles = route({ … })`. */
export function route<P extends TSchema, Q extends TSchema, B extends TSchema, R extends TSchema>(given: HubRoute<P, Q, B, R>): HubRoute {
  return given as unknown as HubRoute
}
