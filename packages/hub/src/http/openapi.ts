import * as hubApi from '@shoal/api/hub-api'
import { SCOPES } from '@shoal/api/permissions'
import { PROBLEM_STATUS, Problem } from '@shoal/api/problem'
import type { TSchema } from 'typebox'
import type { HubRoute } from './route.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
type JsonObject = { readonly [name: string]: Json }

export interface OpenApiFacts {
  readonly version: string
  readonly origin: string
}

/** Schemas that have a name of their own: what `@shoal/api` exports. */
const NAMED: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  ...Object.entries(hubApi)
    .filter(([name, value]) => /^[A-Z][a-z]/.test(name) && isSchema(value))
    .map(([name, value]): [unknown, string] => [value, name]),
  [Problem, 'Problem'],
])

/** The routes as OpenAPI 3.1: nothing in it is written by hand, so nothing in it can be wrong by itself. */
export function openApiOf(routes: readonly HubRoute[], { version, origin }: OpenApiFacts): JsonObject {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Shoal hub',
      version,
      description: 'Moments are milliseconds since 1970, sizes bytes. Answers may grow: ignore what you do not know.',
    },
    servers: [{ url: origin }],
    paths,
    components: {
      schemas: Object.fromEntries([...NAMED].map(([schema, name]) => [name, inline(schema as TSchema)])),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: `A session, or a token with scopes: ${Object.keys(SCOPES).join(', ')}` },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'shoal_session',
          description: '`__Host-shoal` over https. For the pages of the hub.',
        },
      },
      responses: {
        Refused: {
          description: `Refused, with one of the codes ${Object.keys(PROBLEM_STATUS).join(', ')}`,
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  }
}

/** `GET /v1/files/:id` -> `get_v1_files_id` */
export function operationIdOf({ method, url }: HubRoute): string {
  return `${method.toLowerCase()}${url.replace(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}` || method.toLowerCase()
}

function operationOf(route: HubRoute): Json {
  const isWrite = route.method !== 'GET'
  const status = route.status ?? (route.reply === undefined && isWrite ? 204 : 200)
  const parameters: Json[] = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')]
  for (const [, name] of route.url.matchAll(/:(\w+)/g)) {
    if (!propertiesOf(route.params).some(([known]) => known === name)) {
      parameters.push({ name: name ?? '', in: 'path', required: true, schema: { type: 'string' } })
    }
  }
  if (isWrite && route.isIdempotent !== false) {
    const description = 'Repeats of this call with the same key get the first answer again, for a day'
    parameters.push({ name: 'Idempotency-Key', in: 'header', required: false, description, schema: { type: 'string', maxLength: 200 } })
  }
  return {
    operationId: operationIdOf(route),
    summary: route.summary,
    description: route.needs === 'public' ? 'Everybody may call this.' : `Needs the permission \`${route.needs}\`.`,
    tags: [route.url.split('/')[route.url.startsWith('/v1/') ? 2 : 1] || 'hub'],
    security: route.needs === 'public' ? [] : [{ token: [] }, { session: [] }, {}],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route, route.body) }),
    responses: {
      [status]: {
        description: status === 204 ? 'Done' : status === 201 ? 'Made' : status === 202 ? 'Begun' : 'As asked',
        ...(route.reply !== undefined
          ? { content: { 'application/json': { schema: schemaOf(route.reply) } } }
          : status === 204
            ? {}
            : { content: { '*/*': { schema: {} } } }),
      },
      default: { $ref: '#/components/responses/Refused' },
    },
  }
}

function bodyOf(route: HubRoute, body: TSchema): Json {
  const schema = schemaOf(body)
  if (route.takesForms !== true) return { required: true, content: { 'application/json': { schema } } }
  const form = { type: 'object', properties: { torrent: { type: 'string', contentMediaType: 'application/x-bittorrent' } } }
  return {
    required: true,
    content: {
      'application/json': { schema },
      'multipart/form-data': { schema: { ...form, properties: { ...formFieldsOf(body), ...form.properties } } },
      'application/x-bittorrent': { schema: {} },
    },
  }
}

function formFieldsOf(body: TSchema): JsonObject {
  return Object.fromEntries(propertiesOf(body).map(([name, schema]) => [name, schemaOf(schema)]))
}

function parametersOf(schema: TSchema | undefined, place: 'path' | 'query'): Json[] {
  return propertiesOf(schema).map(([name, property, isRequired]) => ({
    name,
    in: place,
    required: place === 'path' || isRequired,
    schema: schemaOf(property),
  }))
}

/** The properties of an object's schema: name, schema, whether it must be there. */
export function propertiesOf(schema: TSchema | undefined): [string, TSchema, boolean][] {
  if (schema === undefined || !('properties' in schema) || typeof schema.properties !== 'object' || schema.properties === null) return []
  const required = 'required' in schema && Array.isArray(schema.required) ? (schema.required as unknown[]) : []
  return Object.entries(schema.properties).map(([name, property]) => [name, property as TSchema, required.includes(name)])
}

/** A reference where the schema has a name, else the schema itself. */
function schemaOf(schema: unknown): Json {
  const name = NAMED.get(schema)
  return name === undefined ? inline(schema) : { $ref: `#/components/schemas/${name}` }
}

function inline(schema: unknown): Json {
  if (Array.isArray(schema)) return schema.map(schemaOf)
  if (typeof schema !== 'object' || schema === null) return schema as Json
  return Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, schemaOf(value)]))
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('type' in value || 'anyOf' in value)
}

/** What a schema with a name is called. */
export function nameOfSchema(schema: TSchema): string | undefined {
  return NAMED.get(schema)
}

/** All schemas with a name, in the order of their declaration. */
export function namedSchemas(): [string, TSchema][] {
  return [...NAMED].map(([schema, name]) => [name, schema as TSchema])
}
