/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const CODE = { BUSY: 5, LOCKED: 6, CORRUPT: 11, NOT_A_DATABASE: 26 } as const

/** Somebody else has a lock. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error)
  return code === CODE.BUSY || code === CODE.LOCKED
}

/** The file is not what SQLite wrote. */
export function isDamage(error: unknown): boolean {
  const code = primaryCode(error)
  return code === CODE.CORRUPT || code === CODE.NOT_A_DATABASE
}

/** The low byte of the extended code; what is above says it more exactly. */
function primaryCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}
