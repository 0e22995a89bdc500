import Type, { type TArray, type TInteger, type TObject, type TOptional, type TSchema, type TString } from 'typebox'
import { invalidField } from './invalid-field.ts'

/** Every list is answered as `{ items, nextCursor? }`, so that it can grow pages. */
export function listOf<T extends TSchema>(item: T): TObject<{ items: TArray<T>; nextCursor: TOptional<TString> }> {
  return Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String()) })
}

export const idParams: TObject<{ id: TString }> = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })

export const pageQuery: TObject<{ limit: TOptional<TInteger>; cursor: TOptional<TString> }> = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    cursor: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
export const DEFAULT_PAGE = 50

/** Where the next page begins, opaque to whoever carries it. It gives nothing that the list itself would not: it needs no signature. */
export function cursorOf(position: string): string {
  return Buffer.from(position).toString('base64url')
}

/** @throws {ProblemError} `VALIDATION`: it is none of ours */
export function positionOf(cursor: string): string {
  const position = Buffer.from(cursor, 'base64url').toString()
  if (position.length > 0 && cursorOf(position) === cursor) return position
  throw invalidField('cursor', 'The cursor is the nextCursor of the page before, as it came')
}
