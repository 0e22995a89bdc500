/** Why there is no daemon to talk to, or none can be made. Stable: programs match on the code. */
export type DaemonAccessCode =
  | 'PORT_IN_USE'
  | 'LISTEN_FAILED'
  | 'STATE_UNAVAILABLE' // the folder of the daemon cannot be read or written
  | 'DAEMON_NOT_RUNNING'
  | 'DAEMON_NOT_STARTED' // it ended before it was ready, or was not ready in time
  | 'DAEMON_NOT_STOPPED' // it goes on although it was asked to stop

/** The daemon cannot be reached or started; the message says what, why and what to do. */
export class DaemonAccessError extends Error {
  override readonly name = 'DaemonAccessError'
  readonly code: DaemonAccessCode
  constructor(code: DaemonAccessCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
