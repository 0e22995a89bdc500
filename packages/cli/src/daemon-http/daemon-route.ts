import { InfoHashHex } from '@shoal/api/hub-api'
import { cursorOf, positionOf } from '@shoal/door/list-reply'
import type { Call, Route } from '@shoal/door/route'
import Type, { type TObject, type TOptional, type TSchema, type TString } from 'typebox'
import type { DaemonCaller } from './daemon-callers.ts'

export type DaemonCall<P = unknown, Q = unknown, B = unknown> = Call<P, Q, B, DaemonCaller>
export type DaemonRoute<
  P extends TSchema = TSchema,
  Q extends TSchema = TSchema,
  B extends TSchema = TSchema,
  R extends TSchema = TSchema,
> = Route<P, Q, B, R, DaemonCaller>

/** Ties the types of a route's schemas together. */
export function route<P extends TSchema, Q extends TSchema, B extends TSchema, R extends TSchema>(
  given: DaemonRoute<P, Q, B, R>,
): DaemonRoute {
  return given as unknown as DaemonRoute
}

/** A torrent in the address. */
export const byTorrent: TObject<{ id: typeof InfoHashHex }> = Type.Object({ id: InfoHashHex })

/** Items of a page: 2,000 torrents are one, and no page is too large to be read at once. */
export const PAGE_ITEMS = 5_000
export const pageQuery: TObject<{ cursor: TOptional<TString> }> = Type.Object(
  { cursor: Type.Optional(Type.String({ maxLength: 100 })) },
  { additionalProperties: false },
)

/** @throws {ProblemError} `VALIDATION`: the cursor is none of ours */
export function pageOf<T>(items: readonly T[], cursor: string | undefined): { items: T[]; nextCursor?: string } {
  const begin = cursor === undefined ? 0 : Math.trunc(Number(positionOf(cursor))) || 0
  const end = begin + PAGE_ITEMS
  return { items: items.slice(begin, end), ...(end < items.length ? { nextCursor: cursorOf(String(end)) } : {}) }
}
