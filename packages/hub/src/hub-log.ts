import { type DestinationStream, type Logger, pino } from 'pino'

/** What a hub writes while it runs: a line of JSON for each event, for the journal of the system. */
export type HubLog = Pick<Logger, 'info' | 'warn' | 'error'>

/** What the log may keep of a call: no address, no name, no query. */
export interface AnsweredCall {
  readonly method: string
  /** As the route is declared: `/v1/files/:id`, not what was asked for. */
  readonly url: string
}

/** @param destination standard output unless said */
export function openHubLog(destination?: DestinationStream): HubLog {
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      hooks: { streamWrite: withoutSecrets },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  )
}

/** For `log.access`: one line for each call of the API. */
export function logCall(log: HubLog, call: AnsweredCall | undefined, status: number, tookMs: number): void {
  log.info({ call: call === undefined ? 'no such route' : `${call.method} ${call.url}`, status, ms: Math.round(tookMs) })
}

/**
 * Announce keys, tokens and whatever follows `code=` or `token=`, wherever in a line they are: a bug may have an URL in
 * its message. The names around them stay, so that one sees what was there.
 */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\/a\/[\w-]{8,}/g, '/a/…')
    .replaceAll(/\bshoal_([a-z])[0-9a-f]+_[\w-]+/g, 'shoal_$1…')
    .replaceAll(/\$argon2\w*\$[^\s"]+/g, '$argon2…')
    .replaceAll(/\b(code|token|password|apikey|key)=[^\s&"\\]+/gi, '$1=…')
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? error.code : undefined
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) }
  return { name: error.name, ...(code === undefined ? {} : { code }), message: error.message, stack: error.stack, ...cause }
}
