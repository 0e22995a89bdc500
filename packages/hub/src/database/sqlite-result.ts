/** Result codes of SQLite (https://sqlite.org/rescode.html). Free of imports: the database thread starts with it. */

export const RESULT = {
  BUSY: 5,
  LOCKED: 6,
  NO_MEMORY: 7,
  READ_ONLY: 8,
  IO_ERROR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANNOT_OPEN: 14,
  TOO_BIG: 18,
  NOT_A_DATABASE: 26,
} as const

/** What SQLite said about a statement, as it crosses from the database thread. */
export interface SqlFailure {
  /** The extended result code of SQLite. */
  readonly errcode: number
  readonly message: string
  /** SQLite has rolled the whole transaction back, not only the statement. */
  readonly isTransactionLost: boolean
}

/** SQLite's code of an error that it threw through `node:sqlite`. */
export function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined
}

/** The low byte; what is above says it more exactly. */
export function primaryCode(errcode: number): number {
  return errcode & 0xff
}

/** Somebody else has a lock. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(sqliteCode(error) ?? 0)
  return code === RESULT.BUSY || code === RESULT.LOCKED
}

/** The file is not what SQLite wrote. */
export function isDamage(error: unknown): boolean {
  const code = primaryCode(sqliteCode(error) ?? 0)
  return code === RESULT.CORRUPT || code === RESULT.NOT_A_DATABASE
}
