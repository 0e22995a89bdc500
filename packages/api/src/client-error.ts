/** Why a call got no answer that could be used. What a hub refuses is a `ProblemError` instead. */
export type ClientErrorCode =
  | 'HUB_URL' // the address is none that a hub could have
  | 'HUB_UNREACHABLE' // nobody answers there
  | 'HUB_SILENT' // somebody took the call, and did not answer in time
  | 'HUB_ANSWER' // what answers there is no hub, or one that speaks otherwise
  | 'DAEMON_UNREACHABLE' // the same of this machine's peer
  | 'DAEMON_SILENT'
  | 'DAEMON_ANSWER'

/** Who can be called, and how people are told of what is wrong with it. */
export const SERVER_WORDS = Object.freeze({
  hub: {
    article: 'a hub',
    name: 'a Shoal hub',
    unreachable: 'HUB_UNREACHABLE',
    silent: 'HUB_SILENT',
    answer: 'HUB_ANSWER',
    whenUnreachable: 'Does it run there? Start one with: shoal hub',
    whenSilent: 'Is the hub, or the network, busy?',
  },
  daemon: {
    article: 'a peer',
    name: 'the daemon of Shoal',
    unreachable: 'DAEMON_UNREACHABLE',
    silent: 'DAEMON_SILENT',
    answer: 'DAEMON_ANSWER',
    whenUnreachable: 'Does it run? See: shoal daemon status',
    whenSilent: 'Is the disk, or this machine, busy? See: shoal daemon logs',
  },
} as const)

export type ServerKind = keyof typeof SERVER_WORDS

export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** @throws {ClientError} `HUB_URL` */
export function hubUrl(text: string): string {
  const match = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/i.exec(text)
  if (match !== null) return text.replace(/\/+$/, '')
  throw new ClientError('HUB_URL', `Cannot use ${JSON.stringify(text)} as a hub: it is a URL such as http://127.0.0.1:6880`)
}

/** What a platform's fetch threw, in words. */
export function unreachable(url: string, cause: unknown, kind: ServerKind = 'hub'): ClientError {
  const { article, unreachable: code, whenUnreachable } = SERVER_WORDS[kind]
  return new ClientError(code, `Cannot reach ${article} at ${url}: ${reasonOf(cause)}. ${whenUnreachable}`, { cause })
}

/** Whether there was a connection, and it ended before the answer. */
export function wasCutOff(error: unknown): boolean {
  if (!(error instanceof ClientError) || !error.code.endsWith('_UNREACHABLE')) return false
  const code = codeOf(innerOf(error.cause))
  return code === 'ECONNRESET' || code === 'UND_ERR_SOCKET'
}

/** `fetch failed` says nothing; what made it fail does. */
function reasonOf(thrown: unknown): string {
  const inner = innerOf(thrown)
  switch (codeOf(inner)) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'no address has that name'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no way to that address'
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'the connection was closed'
    default:
      return inner instanceof Error && inner.message !== '' ? inner.message : String(inner)
  }
}

function innerOf(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error ? (thrown as { code?: unknown }).code : undefined
}
