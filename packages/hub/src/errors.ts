/** Why the hub could not start. Stable: programs match on the code, people read the message. */
export type HubErrorCode =
  | 'PORT_IN_USE' // another program, or another hub, has it
  | 'PORT_NOT_ALLOWED'
  | 'HOST_UNAVAILABLE' // no such address on this machine
  | 'OPTION_INVALID'
  | 'LISTEN_FAILED'
  | 'STATE_IN_USE' // another hub runs in this state directory
  | 'STATE_UNAVAILABLE' // it cannot be made, read or written
  | 'DATABASE_DAMAGED'
  | 'DATABASE_NEWER' // a later version of this program has written it
  | 'DATABASE_FOREIGN' // the file is something else
  | 'BACKUP_FAILED'

export class HubError extends Error {
  override readonly name = 'HubError'
  readonly code: HubErrorCode
  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What the operating system said about listening, with what to do about it. */
export function asListenError(thrown: unknown, protocol: 'TCP' | 'UDP', host: string, port: number): HubError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  const where = `${protocol} port ${port} of ${host}`
  const options = { cause: thrown }
  switch (code) {
    case 'EADDRINUSE':
      return new HubError(
        'PORT_IN_USE',
        `Cannot listen on ${where}: another program uses it. Stop that one, or choose another port`,
        options,
      )
    case 'EACCES':
      return new HubError('PORT_NOT_ALLOWED', `Cannot listen on ${where}: the system does not allow it. Choose a port above 1023`, options)
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'ENOTFOUND':
      return new HubError('HOST_UNAVAILABLE', `Cannot listen on ${where}: this machine has no such address`, options)
    default:
      return new HubError(
        'LISTEN_FAILED',
        `Cannot listen on ${where}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        options,
      )
  }
}
