import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import multipart from '@fastify/multipart'
import { type Problem, ProblemError, problemOf } from '@shoal/api/problem'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { type Authenticator, type CallerFacts, callerFacts } from './authenticator.ts'
import { type CanonicalUrl, canonicalUrl, MAX_URL_CHARACTERS, nothingThere } from './canonical-url.ts'
import type { DoorWords } from './door-words.ts'
import { type IdempotentCallStore, IdempotentCalls, type KeptAnswer } from './idempotent-calls.ts'
import { networkOf } from './ip-networks.ts'
import { OriginGuard } from './origin-guard.ts'
import { type Drawn, type Limit, type LimitName, NETWORK_FACTOR, RateLimits } from './rate-limits.ts'
import { headerOf, type Reach, type ReachOptions, ReachResolver } from './reach.ts'
import { asProblem, problemHeaders } from './refusal.ts'
import { bodyOf, hasBody, MULTIPART_LIMITS, parseJson, requireBodyType, TORRENT_TYPE } from './request-body.ts'
import { type Call, type Caller, RawReply, type Route, type TakenCall } from './route.ts'
import { SchemaCheck } from './schema-check.ts'
import type { DoorSystem } from './system.ts'

export interface WebDoorOptions {
  readonly words: DoorWords
  readonly routes: readonly Route[]
  /** What needs one of these, or nothing, a browser may keep if it asks each time; all else is for nobody to keep. */
  readonly kept?: readonly string[]
  readonly authenticator: Authenticator
  readonly idempotentCalls: IdempotentCallStore
  readonly system: DoorSystem
  readonly reach?: ReachOptions
  /** Names besides that of the public URL under which it answers; with any, it answers under no other, on any address. */
  readonly allowedHosts?: readonly string[]
  readonly limits?: Partial<Record<LimitName, Limit>>
  /** Calls from this very machine draw from no bucket, unless they were forwarded. On by default. */
  readonly sparesLocal?: boolean
  /** Something that cannot happen has happened; the caller got a 500. */
  onBug(error: unknown): void
  /** Tests only: an answer that is not as its route declares becomes a bug. */
  readonly checksReplies?: boolean
  /** Hears of each answer, for metrics. */
  onAnswered?(route: Route | undefined, status: number, tookMs: number): void
}

/** A body unless its route says otherwise. */
export const BODY_LIMIT: number = 64 << 10
/** Bodies larger than that at once. */
const MAX_LARGE_BODIES = 16
const JSON_TYPE = 'application/json; charset=utf-8'
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** On every answer. Nothing that is sent may run, load or be framed by others; a page that needs styles says so itself. */
const SAFE_HEADERS = Object.entries({
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  // not `no-referrer`: with that, browsers say `Origin: null` even to ourselves
  'referrer-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
})

/** A route with what is made for it once. */
interface Compiled {
  readonly route: Route
  readonly limit: LimitName
  readonly params: SchemaCheck | undefined
  readonly query: SchemaCheck | undefined
  readonly body: SchemaCheck | undefined
  readonly reply: SchemaCheck | undefined
}

/** What is known of a request before its route is. */
interface Visit {
  readonly id: string
  readonly url: CanonicalUrl
  readonly reach: Reach
  caller?: Caller
  /** The methods that the path has, when it has not this one. */
  allowed?: string
}

/**
 * The REST side of a server. It listens nowhere: whoever owns the port hands over what is not its own.
 *
 * A request passes, in this order: Host and address in one spelling ► the route (a path that no route declares is nobody's)
 * ► proof that no foreign page sends it ► the limit of its network ► who calls, and whether they may ► their own limit ►
 * the body ► the schemas ► the handler. Nothing of it is middleware beside the router: what the router chose is what is checked.
 */
export class WebDoor {
  readonly #options: WebDoorOptions
  readonly #app: FastifyInstance
  readonly #reach: ReachResolver
  readonly #guard: OriginGuard
  readonly #limits: RateLimits
  readonly #idempotent: IdempotentCalls
  readonly #visits = new WeakMap<IncomingMessage, Visit>()
  readonly #patterns: readonly { readonly method: string; readonly segments: readonly string[] }[]
  #handle: RequestListener = () => undefined
  /** Bodies beyond `BODY_LIMIT` that are coming in, or being worked on. */
  #largeBodies = 0
  #isClosed = false

  private constructor(options: WebDoorOptions) {
    this.#options = options
    this.#reach = new ReachResolver(options.reach ?? {})
    this.#guard = new OriginGuard(this.#reach.publicHost, options.allowedHosts ?? [], options.words)
    this.#limits = new RateLimits(options.system, options.limits)
    this.#idempotent = new IdempotentCalls(options.idempotentCalls, options.system)
    this.#patterns = options.routes.map(({ method, url }) => ({ method, segments: url.split('/') }))
    this.#app = Fastify({
      bodyLimit: BODY_LIMIT,
      // Long parts of a path are refused by the schemas, in our words.
      routerOptions: { querystringParser: () => ({}), maxParamLength: MAX_URL_CHARACTERS },
      serverFactory: (handler) => {
        this.#handle = handler
        return createServer()
      },
    })
  }

  static async open(options: WebDoorOptions): Promise<WebDoor> {
    const door = new WebDoor(options)
    await door.#prepare()
    return door
  }

  /** What whoever owns the port does not answer itself. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const id = Buffer.from(this.#options.system.randomBytes(9)).toString('base64url')
    response.setHeader('x-request-id', id)
    for (const [name, value] of SAFE_HEADERS) response.setHeader(name, value)
    try {
      if (this.#isClosed) throw new ProblemError('BUSY', `The ${this.#options.words.name} stops. Try again in a while`)
      const reach = this.#reach.reachOf(request)
      this.#guard.checkHost(request, this.#reach.isOnLoopback(request))
      const url = canonicalUrl(request.url ?? '/', this.#reach.prefix)
      this.#visits.set(request, { id, url, reach })
      request.url = url.path
      this.#handle(request, response)
    } catch (error) {
      this.#refuseUnheard(request, response, error, id)
    }
  }

  /** What is to be known of an upgrade, which does not come through here. @throws {ProblemError} `FOREIGN_ORIGIN`, `RATE_LIMITED`, … */
  upgradeFacts(request: IncomingMessage): { facts: CallerFacts; url: CanonicalUrl; reach: Reach } {
    const reach = this.#reach.reachOf(request)
    this.#guard.checkHost(request, this.#reach.isOnLoopback(request))
    if (!this.#isSpared(reach)) this.#limits.draw('write', networkOf(reach.ip), NETWORK_FACTOR)
    return { facts: callerFacts(request, reach), url: canonicalUrl(request.url ?? '/', this.#reach.prefix), reach }
  }

  /** Where the connection itself comes from. */
  addressOf(request: IncomingMessage): string {
    return this.#reach.addressOf(request)
  }

  /** Once an hour or so. */
  sweep(): Promise<void> {
    return this.#idempotent.sweep()
  }

  /** Refuses what comes from now on; what is being answered goes on. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#app.close()
  }

  async #prepare(): Promise<void> {
    const app = this.#app
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) => {
      try {
        // Some clients name a type even where they send nothing.
        done(null, body.length === 0 ? undefined : parseJson(body as Buffer))
      } catch (error) {
        done(error as Error)
      }
    })
    app.addContentTypeParser(TORRENT_TYPE, { parseAs: 'buffer' }, (_, body, done) => {
      done(null, { torrent: (body as Buffer).toString('base64') })
    })
    await app.register(multipart, { limits: MULTIPART_LIMITS, throwFileSizeLimit: true })
    app.setErrorHandler((error, request, reply) => this.#refuse(error, request, reply))
    app.setNotFoundHandler({}, (request, reply) => this.#refuse(this.#noRoute(request), request, reply))
    app.addHook('onRequest', async (request) => {
      // before a body is read that nobody will look at
      if (request.is404) throw this.#noRoute(request)
    })
    if (this.#options.onAnswered !== undefined) {
      app.addHook('onResponse', async (request, reply) => {
        const { route } = request.routeOptions.config as { route?: Route }
        this.#options.onAnswered?.(route, reply.statusCode, reply.elapsedTime)
      })
    }
    for (const route of this.#options.routes) this.#addRoute(route)
    await app.ready()
  }

  #addRoute(route: Route): void {
    const compiled: Compiled = {
      route,
      limit: route.limit ?? (route.method === 'GET' ? 'read' : 'write'),
      params: checkOf(route.params),
      query: checkOf(route.query),
      body: checkOf(route.body),
      reply: checkOf(route.reply),
    }
    this.#app.route({
      method: route.method,
      url: route.url,
      config: { route },
      bodyLimit: route.bodyLimit ?? BODY_LIMIT,
      onRequest: (request, reply) => this.#admit(compiled, request, reply),
      handler: (request, reply) => this.#answer(compiled, request, reply),
    })
  }

  /** All that can be refused without the body. */
  async #admit({ route, limit }: Compiled, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const visit = this.#visitOf(request)
    const isWrite = route.method !== 'GET'
    if (isWrite) this.#guard.checkWrite(request.raw, visit.reach)
    const isSpared = this.#isSpared(visit.reach)
    if (!isSpared) this.#limits.draw(limit, networkOf(visit.reach.ip), NETWORK_FACTOR)
    const facts = callerFacts(request.raw, visit.reach)
    const caller = await this.#callerFor(route, facts)
    visit.caller = caller
    if (!isSpared) tellLimit(reply, this.#limits.draw(limit, caller.accountId ?? caller.ip))
    if (route.needs !== 'public' && !caller.may(route.needs)) {
      if (facts.authorization === undefined && caller.accountId === undefined) {
        throw new ProblemError('NOT_SIGNED_IN', this.#options.words.signIn)
      }
      throw new ProblemError('FORBIDDEN', `This needs the permission ${route.needs}, which this account or its token does not have`)
    }
    if (isWrite && route.needs !== 'public' && caller.accountId === undefined && facts.authorization === undefined) {
      this.#guard.checkVisitorWrite(request.raw)
    }
    requireBodyType(route, request)
    this.#countLargeBody(route, request, reply)
  }

  #isSpared(reach: Reach): boolean {
    return (this.#options.sparesLocal ?? true) && reach.isLocal
  }

  /** So many uploads fit into memory at once, whoever they are of. */
  #countLargeBody({ bodyLimit = BODY_LIMIT }: Route, request: FastifyRequest, reply: FastifyReply): void {
    const length = headerOf(request.raw, 'content-length')
    if (bodyLimit <= BODY_LIMIT || (length !== undefined && Number(length) <= BODY_LIMIT)) return
    if (this.#largeBodies >= MAX_LARGE_BODIES) {
      throw new ProblemError('BUSY', `${MAX_LARGE_BODIES} large uploads are coming in at this moment. Try again in a few seconds`, {
        retryAfterSeconds: 5,
      })
    }
    this.#largeBodies++
    reply.raw.once('close', () => this.#largeBodies--)
  }

  /** What everybody may call must go on working with a cookie that has ended: by it one signs in again. */
  async #callerFor(route: Route, facts: CallerFacts): Promise<Caller> {
    try {
      return await this.#options.authenticator.callerOf(facts)
    } catch (error) {
      if (route.needs !== 'public' || !(error instanceof ProblemError) || error.code !== 'NOT_SIGNED_IN') throw error
      return this.#options.authenticator.callerOf({ ...facts, authorization: undefined, cookie: undefined })
    }
  }

  async #answer(compiled: Compiled, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { route } = compiled
    const visit = this.#visitOf(request)
    const given = await bodyOf(route, compiled.body, request)
    const params = request.params as Record<string, unknown>
    compiled.params?.require(params, 'address')
    const query = (compiled.query ?? NO_QUERY).fromText(visit.url.query, 'query')
    ;(compiled.query ?? NO_QUERY).require(query, 'query')
    compiled.body?.require(given, 'body')

    let isTaken = false
    const call: Call = {
      params,
      query,
      body: given,
      caller: this.#callerOf(visit),
      origin: visit.reach.origin,
      header: (name) => headerOf(request.raw, name),
      setHeader: (name, value) => reply.raw.setHeader(name, value),
      takeOver: (): TakenCall => {
        isTaken = true
        reply.hijack()
        const facts = callerFacts(request.raw, visit.reach)
        return { request: request.raw, response: reply.raw, callerNow: () => this.#options.authenticator.callerOf(facts) }
      },
    }
    const key = headerOf(request.raw, 'idempotency-key')
    if (key !== undefined && route.method !== 'GET' && route.isIdempotent !== false) {
      return this.#answerOnce(compiled, { call, key, visit, reply })
    }
    const value = await route.handle(call)
    if (isTaken) return reply
    return value instanceof RawReply ? sendRaw(request, reply, value) : this.#sendJson(compiled, request, reply, value)
  }

  async #answerOnce(compiled: Compiled, asked: { call: Call; key: string; visit: Visit; reply: FastifyReply }): Promise<unknown> {
    const { call, key, visit, reply } = asked
    const { route } = compiled
    const run = async (): Promise<KeptAnswer> => {
      try {
        const value = await route.handle(call)
        // An answer that is no JSON is not kept: such routes say `isIdempotent: false`.
        if (value instanceof RawReply) throw new Error(`Cannot happen: ${route.method} ${route.url} is idempotent, with a raw answer`)
        this.#checkReply(compiled, value)
        return { status: statusOf(route, value), body: value === undefined ? '' : JSON.stringify(value) }
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        return { status: error.status, body: JSON.stringify(problemOf(error, visit.id)) }
      }
    }
    const { answer, isRepeated } = await this.#idempotent.once(
      {
        caller: call.caller.accountId ?? `ip ${call.caller.ip}`,
        key,
        request: JSON.stringify([route.method, visit.url.path, visit.url.query, call.body ?? null]),
      },
      run,
    )
    if (isRepeated) reply.header('idempotency-replayed', 'true')
    reply.code(answer.status).header('cache-control', 'no-store')
    if (answer.body === '') return reply.send()
    const problem = answer.status >= 400 ? (JSON.parse(answer.body) as Problem) : undefined
    if (problem?.retryAfterSeconds !== undefined) reply.header('retry-after', problem.retryAfterSeconds)
    return reply.type(problem === undefined ? JSON_TYPE : PROBLEM_TYPE).send(Buffer.from(answer.body))
  }

  #sendJson(compiled: Compiled, request: FastifyRequest, reply: FastifyReply, value: unknown): FastifyReply {
    const { route } = compiled
    this.#checkReply(compiled, value)
    const isKept = route.method === 'GET' && (route.needs === 'public' || this.#options.kept?.includes(route.needs) === true)
    if (!reply.raw.hasHeader('cache-control')) reply.header('cache-control', isKept ? 'private, no-cache' : 'no-store')
    reply.header('vary', 'authorization, cookie, accept').code(statusOf(route, value))
    if (value === undefined) return reply.send()
    const body = Buffer.from(JSON.stringify(value))
    if (isKept) {
      const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
      reply.header('etag', tag)
      if (matches(headerOf(request.raw, 'if-none-match'), tag)) return reply.code(304).send()
    }
    return reply.type(JSON_TYPE).send(body)
  }

  #checkReply({ route, reply }: Compiled, value: unknown): void {
    if (this.#options.checksReplies !== true || reply === undefined) return
    const errors = reply.errorsOf(value)
    if (errors.length > 0)
      throw new Error(`Cannot happen: ${route.method} ${route.url} answers against its schema: ${JSON.stringify(errors)}`)
  }

  #noRoute(request: FastifyRequest): ProblemError {
    const visit = this.#visitOf(request)
    const { path } = visit.url
    const segments = path.split('/')
    const methods = this.#patterns
      .filter(
        ({ segments: pattern }) =>
          pattern.length === segments.length && pattern.every((part, at) => part.startsWith(':') || part === segments[at]),
      )
      .flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    if (methods.length === 0) return nothingThere(path)
    visit.allowed = methods.join(', ')
    return new ProblemError('METHOD', `Cannot ${request.method} here: this address answers to ${visit.allowed}`)
  }

  #refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = asProblem(thrown, this.#options.words)
    if (error.code === 'BUG') this.#options.onBug(thrown)
    reply.code(error.status).header('cache-control', 'no-store').type(PROBLEM_TYPE)
    for (const [name, value] of problemHeaders(error, this.#options.words)) reply.header(name, value)
    const visit = this.#visits.get(request.raw)
    if (visit?.allowed !== undefined) reply.header('allow', visit.allowed)
    // The rest of a body that nobody reads would come as the next request.
    if (!request.raw.readableEnded && hasBody(request.raw)) reply.header('connection', 'close')
    return reply.send(Buffer.from(JSON.stringify(problemOf(error, visit?.id))))
  }

  /** Refused before the framework has seen it. */
  #refuseUnheard(request: IncomingMessage, response: ServerResponse, thrown: unknown, id: string): void {
    const error = asProblem(thrown, this.#options.words)
    if (error.code === 'BUG') this.#options.onBug(thrown)
    const body = Buffer.from(JSON.stringify(problemOf(error, id)))
    response.writeHead(error.status, {
      'content-type': PROBLEM_TYPE,
      'content-length': body.length,
      'cache-control': 'no-store',
      ...(error.code === 'FOREIGN_ORIGIN' || hasBody(request) ? { connection: 'close' } : {}),
    })
    response.end(body)
    this.#options.onAnswered?.(undefined, error.status, 0)
  }

  #visitOf(request: FastifyRequest): Visit {
    const visit = this.#visits.get(request.raw)
    if (visit === undefined) throw new Error('Cannot happen: a request without a visit')
    return visit
  }

  #callerOf(visit: Visit): Caller {
    if (visit.caller === undefined) throw new Error('Cannot happen: a handler before its caller is known')
    return visit.caller
  }
}

const NO_QUERY = new SchemaCheck({ type: 'object', properties: {}, additionalProperties: false } as TSchema)

function checkOf(schema: TSchema | undefined): SchemaCheck | undefined {
  return schema === undefined ? undefined : new SchemaCheck(schema)
}

function statusOf(route: Route, value: unknown): number {
  return route.status ?? (value === undefined ? 204 : 200)
}

function sendRaw(request: FastifyRequest, reply: FastifyReply, { type, body, headers, status }: RawReply): FastifyReply {
  if (!('cache-control' in headers) && !reply.raw.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  reply.headers(headers)
  if (headers.etag !== undefined && matches(headerOf(request.raw, 'if-none-match'), headers.etag)) return reply.code(304).send()
  return reply
    .code(status)
    .type(type)
    .send(typeof body === 'string' ? Buffer.from(body) : body)
}

function matches(given: string | undefined, tag: string): boolean {
  return given !== undefined && (given.trim() === '*' || given.split(',').some((each) => each.trim().replace(/^W\//, '') === tag))
}

function tellLimit(reply: FastifyReply, { name, limit, remaining, resetSeconds }: Drawn): void {
  reply.header('ratelimit-policy', `"${name}";q=${limit.burst};w=${Math.ceil((limit.burst / limit.perMinute) * 60)}`)
  reply.header('ratelimit', `"${name}";r=${remaining};t=${resetSeconds}`)
}
