import assert from 'node:assert/strict'
import { ProblemError } from '@shoal/api/problem'
import type { TSchema } from 'typebox'
import { Check } from 'typebox/value'
import type { Caller, HubCall, HubRoute } from '../src/http/route.ts'
import { ORIGIN } from './accounts-world.ts'

export interface Asked {
  readonly as: Caller
  readonly params?: unknown
  readonly query?: unknown
  readonly body?: unknown
  readonly origin?: string
}

export interface Told {
  readonly status: number
  /** `OK`, or the code of the problem. */
  readonly code: string
  readonly body: unknown
  readonly detail: string
  readonly headers: ReadonlyMap<string, string>
}

/** Asks routes as the web door does, without one: permission, schemas, answer; and holds every answer against its schema. */
export class RouteDesk {
  readonly routes: readonly HubRoute[]

  constructor(routes: readonly HubRoute[]) {
    this.routes = routes
  }

  /** @param name `POST /v1/sessions` */
  async ask(name: string, asked: Asked): Promise<Told> {
    const route = this.routes.find(({ method, url }) => `${method} ${url}` === name)
    assert.ok(route !== undefined, `there is no route ${name}`)
    const headers = new Map<string, string>()
    const { as: caller, params = {}, query = {}, body, origin = ORIGIN } = asked
    const call = { params, query, body, caller, origin, setHeader: (key: string, value: string) => headers.set(key, value) }
    try {
      if (route.needs !== 'public' && !caller.may(route.needs)) {
        throw new ProblemError(caller.accountId === undefined && caller.name === 'visitor' ? 'NOT_SIGNED_IN' : 'FORBIDDEN', 'not allowed')
      }
      expectSchema(route.params, params)
      expectSchema(route.query, query)
      if (route.body === undefined ? body !== undefined : !Check(route.body, body)) throw new ProblemError('VALIDATION', 'body')
      // as JSON takes it away
      const reply: unknown = JSON.parse(JSON.stringify((await route.handle(call as unknown as HubCall)) ?? null))
      if (route.reply === undefined) assert.equal(reply, null, name)
      else assert.ok(Check(route.reply, reply), `${name} answers what it has not declared: ${JSON.stringify(reply)}`)
      const status = route.status ?? (route.reply === undefined ? 204 : 200)
      return { status, code: 'OK', body: reply, detail: '', headers }
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      return { status: error.status, code: error.code, body: error.extras, detail: error.message, headers }
    }
  }
}

function expectSchema(schema: TSchema | undefined, value: unknown): void {
  if (schema !== undefined && !Check(schema, value)) throw new ProblemError('VALIDATION', 'parameters')
}
