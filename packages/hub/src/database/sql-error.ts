import { ProblemError } from '@shoal/api/problem'
import { primaryCode, RESULT, type SqlFailure } from './sqlite-result.ts'

/** A rule of the schema that a statement broke, or a statement that is none. Stable codes. */
export type SqlErrorCode = 'UNIQUE' | 'FOREIGN_KEY' | 'CHECK' | 'NOT_NULL' | 'OTHER'

/** A statement was refused; nothing of it was done. What the world does to a database (locks, disks) is a `ProblemError` instead. */
export class SqlError extends Error {
  override readonly name = 'SqlError'
  readonly code: SqlErrorCode
  constructor(code: SqlErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Whether a row was refused because another has the same. `where` narrows it: `accounts.name_key` for a column
 * (each column of an index over several is known by its own name), `entries_by_name_and_host` for an index over an expression.
 */
export function isUniqueViolation(error: unknown, where?: string): boolean {
  if (!(error instanceof SqlError) || error.code !== 'UNIQUE') return false
  if (where === undefined) return true
  // `UNIQUE constraint failed: entries.host_id, entries.local_path` or `… failed: index 'name'`
  const places = error.message.slice(error.message.lastIndexOf('failed: ') + 'failed: '.length).split(', ')
  return places.some((place) => place === where || place === `index '${where}'`)
}

const CONSTRAINTS: Readonly<Record<number, SqlErrorCode>> = {
  275: 'CHECK',
  787: 'FOREIGN_KEY',
  1299: 'NOT_NULL',
  1555: 'UNIQUE', // primary key
  2067: 'UNIQUE',
  2579: 'UNIQUE', // rowid
  3091: 'CHECK', // a value of another type
}

export function errorOf({ errcode, message }: SqlFailure): SqlError | ProblemError {
  const options = { cause: new Error(`SQLite ${errcode}: ${message}`) }
  switch (primaryCode(errcode)) {
    case RESULT.BUSY:
    case RESULT.LOCKED:
      return new ProblemError('BUSY', 'The database is locked by another program. Nothing was changed; try again', {}, options)
    case RESULT.FULL:
      return new ProblemError('STORAGE', 'The disk of the hub is full. Nothing was changed; make space and try again', {}, options)
    case RESULT.READ_ONLY:
    case RESULT.IO_ERROR:
    case RESULT.CANNOT_OPEN:
      return new ProblemError(
        'STORAGE',
        `The disk of the hub does not take or give data (${message}). Nothing was changed; look at the disk and at the permissions of the state directory`,
        {},
        options,
      )
    case RESULT.CORRUPT:
    case RESULT.NOT_A_DATABASE:
      return new ProblemError(
        'STORAGE',
        'The database of the hub is damaged. Nothing was changed; stop the hub and put a backup in its place (docs/hub.md, "Restore")',
        {},
        options,
      )
    case RESULT.NO_MEMORY:
      return new ProblemError('BUSY', 'The hub has no memory left for this. Nothing was changed; try again', {}, options)
    case RESULT.TOO_BIG:
      return new ProblemError('TOO_LARGE', 'A value is too large for the database. Nothing was changed', {}, options)
    default:
      return new SqlError(CONSTRAINTS[errcode] ?? 'OTHER', message, options)
  }
}
