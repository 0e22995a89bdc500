/** Why a daemon cannot start. Stable: programs match on the code, people read the text. */
export type DaemonErrorCode =
  | 'STATE_IN_USE' // another daemon holds this state
  | 'STATE_UNAVAILABLE' // the folder cannot be read or written
  | 'STATE_NEWER' // a newer Shoal wrote it

/** The daemon cannot start; the message says what, where and what to do. What one call is refused for is a `ProblemError`. */
export class DaemonError extends Error {
  override readonly name = 'DaemonError'
  readonly code: DaemonErrorCode
  constructor(code: DaemonErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
