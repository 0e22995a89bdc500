import { PROBLEM_STATUS, type ProblemCode } from '@shoal/api/problem'
import type { TSchema } from 'typebox'
import { escapeHtml, htmlPage } from './html.ts'
import { operationIdOf, propertiesOf } from './openapi.ts'
import type { Route } from './route.ts'
import type { SchemaNames } from './schema-names.ts'

/** What each code means, and what to do. */
const PROBLEMS: Readonly<Record<ProblemCode, string>> = {
  VALIDATION: 'A parameter or a field breaks its rule; errors says which.',
  MALFORMED: 'The body is no JSON or no form, or something is not UTF-8.',
  PING_SELF: 'A peer does not ping itself. Choose another.',
  OWN_FILE: 'A peer cannot fetch what it shares itself.',
  NOT_SIGNED_IN: 'The call needs an account, or its token is unknown, has ended or was taken back. Sign in again.',
  CREDENTIALS: 'Name or password are wrong. It is never said which.',
  FORBIDDEN: 'The account, or the scope of its token, may not do this.',
  FOREIGN_ORIGIN: 'A page of another site, or a Host that is not a name of this hub.',
  INVITE_NEEDED: 'New members need an invite. Ask one.',
  INVITE_INVALID: 'The invite is unknown, used up or has ended. It is never said which.',
  REGISTRATION_CLOSED: 'No new members are taken at present.',
  NOT_FOUND: 'It is not here, or not for you.',
  PEER_GONE: 'The peer was here, and is no longer connected.',
  PATH_MISSING: 'There is no such file or folder on the machine of the peer, or it cannot be read. A hub never answers this.',
  METHOD: 'The address has other methods; the header Allow names them.',
  TAKEN: 'The name is in use. Choose another.',
  ALREADY_SHARED: 'This peer shares this path already.',
  AMBIGUOUS: 'Several different contents have this name; choices lists them.',
  NOT_CONNECTED: 'The peer knows no such hub, or does not reach it. Connect first. A hub never answers this.',
  DESTINATION_EXISTS: 'There is something at the destination, and a fetch writes over nothing. A hub never answers this.',
  CONFLICT: 'Somebody else has changed it meanwhile, or the last owner would go. Look again.',
  TOO_LARGE: 'The body is larger than this call allows.',
  UNSUPPORTED_TYPE: 'The body is of a type that this call does not read.',
  TORRENT_INVALID: 'This is no .torrent file, or one that breaks a BEP.',
  QUOTA: 'The account has as many files as it may have. Withdraw some.',
  IDEMPOTENCY_MISMATCH: 'The Idempotency-Key was used with another request. Make a new one.',
  RATE_LIMITED: 'Too many calls; retryAfterSeconds says when to come back.',
  BUG: 'A fault of the hub. Its operator finds the requestId in the log.',
  BUSY: 'The database or a queue is full. Try again in a while.',
  STORAGE: 'The disk of the hub is full or damaged. Nothing was changed; tell its operator.',
}

export interface ApiPageFacts {
  /** One word, as in "the API of this hub". */
  readonly name: string
  readonly version: string
  readonly names: SchemaNames
}

/** The API for people: no scripts, every route, shape and code with an anchor of its own. */
export function apiPage(routes: readonly Route[], { name: server, version, names }: ApiPageFacts): string {
  const sorted = routes.toSorted((one, other) => (one.url < other.url ? -1 : one.url > other.url ? 1 : 0))
  const list = sorted.map(
    (each) => `<tr><td><a href="#${operationIdOf(each)}"><code>${titleOf(each)}</code></a><td>${escapeHtml(each.summary)}`,
  )
  const shapes = names.all().map(([name, schema]) => `<h3 id="${name}"><code>${name}</code></h3>\n${shapeOf(schema, names)}`)
  const codes = Object.entries(PROBLEM_STATUS).map(
    ([code, status]) => `<tr id="${code}"><td><code>${code}</code><td>${status}<td>${escapeHtml(PROBLEMS[code as ProblemCode])}`,
  )
  return htmlPage(
    `Shoal ${server}: the API`,
    `<h1>The API of this ${server}</h1>
<p>Version ${escapeHtml(version)}; for programs as <a href="../v1/openapi.json">OpenAPI 3.1</a>. Bodies and answers are JSON. Moments are milliseconds since 1970,
sizes bytes. Who has an account sends <code>Authorization: Bearer &lt;token&gt;</code>. A write that carries an <code>Idempotency-Key</code> runs once, however often
it is sent within a day. Answers may grow: ignore what you do not know.</p>
<table>${list.join('\n')}</table>
<h2>Routes</h2>
${sorted.map((each) => routeText(each, names)).join('\n')}
<h2>Shapes</h2>
${shapes.join('\n')}
<h2 id="problems">Refusals</h2>
<p>Every refusal is a <a href="#Problem">Problem</a> (<code>application/problem+json</code>). Match on its code; its detail is for people.</p>
<table><tr><th>code<th>status<th>what it means\n${codes.join('\n')}</table>`,
  )
}

function routeText(route: Route, names: SchemaNames): string {
  const parts = [
    `<h3 id="${operationIdOf(route)}"><code>${titleOf(route)}</code></h3>\n<p>${escapeHtml(route.summary)}. <span class="quiet">${needsOf(route)}</span></p>`,
  ]
  const { params, query, body, reply } = route
  if (params !== undefined) parts.push(`<p>In the address:</p>${shapeOf(params, names)}`)
  if (query !== undefined && propertiesOf(query).length > 0) parts.push(`<p>After the <code>?</code>:</p>${shapeOf(query, names)}`)
  if (body !== undefined) {
    const forms = route.takesForms === true ? ' (or a multipart form, or the .torrent file alone)' : ''
    parts.push(`<p>Body${forms}:${described(body, names)}`)
  }
  if (reply !== undefined) parts.push(`<p>Answer ${route.status ?? 200}:${described(reply, names)}`)
  return parts.join('\n')
}

function described(schema: TSchema, names: SchemaNames): string {
  return names.of(schema) === undefined ? `</p>${shapeOf(schema, names)}` : ` ${typeText(schema, names)}</p>`
}

function needsOf({ needs }: Route): string {
  return needs === 'public' ? 'Everybody may call this.' : `Needs <code>${escapeHtml(needs)}</code>.`
}

function titleOf({ method, url }: Route): string {
  return escapeHtml(`${method} ${url.replace(/:(\w+)/g, '{$1}')}`)
}

function shapeOf(schema: TSchema, names: SchemaNames): string {
  const rows = propertiesOf(schema).map(([name, property, isRequired]) => {
    const description = 'description' in property ? escapeHtml(String(property.description)) : ''
    return `<tr><td><code>${escapeHtml(name)}</code>${isRequired ? '' : ' <span class="quiet">(optional)</span>'}<td>${typeText(property, names)}<td>${description}`
  })
  return rows.length === 0 ? `<p>${typeText(schema, names, true)}</p>` : `<table>${rows.join('\n')}</table>`
}

/** @param isWhole its own name says nothing */
function typeText(schema: TSchema, names: SchemaNames, isWhole: boolean = false): string {
  const name = isWhole ? undefined : names.of(schema)
  if (name !== undefined) return `<a href="#${name}">${name}</a>`
  const field = (key: string): unknown => (key in schema ? (schema as unknown as Record<string, unknown>)[key] : undefined)
  const either = field('anyOf')
  if (Array.isArray(either)) return either.map((each) => typeText(each as TSchema, names)).join(' or ')
  if (field('const') !== undefined) return `<code>${escapeHtml(JSON.stringify(field('const')))}</code>`
  const choices = field('enum')
  if (Array.isArray(choices)) return choices.map((choice) => `<code>${escapeHtml(String(choice))}</code>`).join(', ')
  const rules = ['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems']
    .filter((rule) => field(rule) !== undefined && Number(field(rule)) < Number.MAX_SAFE_INTEGER)
    .map((rule) => `${RULES[rule]} ${Number(field(rule)).toLocaleString('en')}`)
  const shown =
    field('type') === 'array'
      ? `list of ${typeText(field('items') as TSchema, names)}`
      : field('type') === 'object'
        ? inlineShape(schema, names)
        : plainType(field('type'))
  return rules.length === 0 ? shown : `${shown}, ${rules.join(', ')}`
}

function plainType(type: unknown): string {
  return typeof type === 'string' ? type : 'anything'
}

function inlineShape(schema: TSchema, names: SchemaNames): string {
  return `{ ${propertiesOf(schema)
    .map(([name, property, isRequired]) => `<code>${escapeHtml(name)}</code>${isRequired ? '' : '?'}: ${typeText(property, names)}`)
    .join('; ')} }`
}

const RULES: Readonly<Record<string, string>> = {
  minimum: 'at least',
  maximum: 'at most',
  minLength: 'characters at least',
  maxLength: 'characters at most',
  minItems: 'at least',
  maxItems: 'at most',
}
