import { Program, type ProgramOptions } from './program.ts'

/** An HTTP request, as far as trackers and remote controls need one. */
export interface HttpQuestion {
  readonly url: string
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A machine as the network sees it, where programs run: this one, or a network namespace that plays one. */
export interface Host {
  /** Where others reach its programs. */
  readonly address: string
  start(name: string, command: readonly string[], options?: ProgramOptions): Program
  ask(question: HttpQuestion): Promise<HttpAnswer>
}

/** This machine, by its loopback address. */
export const THIS_HOST: Host = {
  address: '127.0.0.1',
  start: (name, command, options) => new Program(name, [], command, options),
  ask: answerOf,
}

export async function answerOf({ url, method, headers, body }: HttpQuestion): Promise<HttpAnswer> {
  const response = await fetch(url, {
    method: method ?? 'GET',
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
  })
  return { status: response.status, headers: Object.fromEntries(response.headers), body: new Uint8Array(await response.arrayBuffer()) }
}
