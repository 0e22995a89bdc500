import Type, { type Static } from 'typebox'

/** Every reason for which hub or daemon refuse a call, with the status it has. Stable: programs match on the code, people read the text. */
export const PROBLEM_STATUS = Object.freeze({
  VALIDATION: 400, // a parameter or a field breaks its rule; `errors` says which
  MALFORMED: 400, // no JSON, no multipart form, no UTF-8
  PING_SELF: 400,
  OWN_FILE: 400, // a peer cannot fetch what it shares itself
  NOT_SIGNED_IN: 401, // the call needs an account, or the token is unknown, ended or taken back
  CREDENTIALS: 401, // name or password are wrong; never says which
  FORBIDDEN: 403, // the account, or the scope of its token, may not do this
  FOREIGN_ORIGIN: 403, // a page of another site, or a Host that is not ours
  INVITE_NEEDED: 403,
  INVITE_INVALID: 403, // unknown, used up or expired; never says which
  REGISTRATION_CLOSED: 403,
  NOT_FOUND: 404,
  PEER_GONE: 404, // it was here, and is no longer connected
  PATH_MISSING: 404, // there is no such file or folder on this machine, or it cannot be read
  METHOD: 405,
  TAKEN: 409, // the name is in use
  ALREADY_SHARED: 409, // this peer shares this path already
  AMBIGUOUS: 409, // several different contents have this name; `choices` lists them
  NOT_CONNECTED: 409, // this peer knows no such hub, or does not reach it
  DESTINATION_EXISTS: 409, // a fetch writes over nothing
  CONFLICT: 409, // somebody else has changed it meanwhile, or the last owner would go
  TOO_LARGE: 413,
  UNSUPPORTED_TYPE: 415,
  TORRENT_INVALID: 422, // no .torrent file, or one that breaks a BEP
  QUOTA: 422,
  IDEMPOTENCY_MISMATCH: 422, // the key was used with another request
  RATE_LIMITED: 429, // `retryAfterSeconds` says when to come back
  BUG: 500,
  BUSY: 503, // the database is locked, or the queue is full
  STORAGE: 507, // disk full or damaged: nothing was changed
} as const)

export type ProblemCode = keyof typeof PROBLEM_STATUS

/** The one error envelope (RFC 9457, `application/problem+json`). */
export const Problem = Type.Object({
  type: Type.String({ description: 'A link to the description of the code' }),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.Unsafe<ProblemCode>(Type.String({ description: 'Stable: match on this' })),
  detail: Type.String({ description: 'What happened, why, and what to do, for people' }),
  requestId: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), detail: Type.String() }))),
  retryAfterSeconds: Type.Optional(Type.Integer()),
  choices: Type.Optional(Type.Array(Type.Unknown(), { description: 'With AMBIGUOUS: the entries to choose from' })),
})
export type Problem = Static<typeof Problem>

/** More than the text that a problem may carry. */
export interface ProblemExtras {
  readonly errors?: readonly { readonly field: string; readonly detail: string }[]
  readonly retryAfterSeconds?: number
  readonly choices?: readonly unknown[]
}

/** A refusal, thrown by whoever notices and told to the caller as a `Problem`; a client throws the same for what it was told. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  readonly extras: ProblemExtras
  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}, options?: ErrorOptions) {
    super(detail, options)
    this.code = code
    this.extras = extras
  }

  get status(): number {
    return PROBLEM_STATUS[this.code]
  }
}

export function problemOf(error: ProblemError, requestId?: string): Problem {
  const { errors, choices, retryAfterSeconds } = error.extras
  return {
    type: `/docs/api#${error.code}`,
    title: error.code.charAt(0) + error.code.slice(1).toLowerCase().replaceAll('_', ' '),
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(requestId === undefined ? {} : { requestId }),
    ...(errors === undefined ? {} : { errors: [...errors] }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(choices === undefined ? {} : { choices: [...choices] }),
  }
}

/** A code as a client knows it: a newer hub may have one that it does not, and then the status says the most. */
export function problemCodeOf(code: string, status: number): ProblemCode {
  if (Object.hasOwn(PROBLEM_STATUS, code)) return code as ProblemCode
  const like = Object.entries(PROBLEM_STATUS).find(([, each]) => each === status)?.[0]
  return (like as ProblemCode | undefined) ?? (status < 500 ? 'VALIDATION' : 'BUG')
}
