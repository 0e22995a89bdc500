import { PROBLEM_STATUS } from '@shoal/api/problem'
import type { TSchema } from 'typebox'
import type { Route } from './route.ts'
import type { SchemaNames } from './schema-names.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
type JsonObject = { readonly [name: string]: Json }

export interface OpenApiFacts {
  /** `Shoal hub` */
  readonly title: string
  readonly version: string
  readonly origin: string
  readonly names: SchemaNames
  /** How a caller shows who it is: OpenAPI's security schemes by name. */
  readonly proofs: Readonly<Record<string, JsonObject>>
}

/** The routes as OpenAPI 3.1: nothing in it is written by hand, so nothing in it can be wrong by itself. */
export function openApiOf(routes: readonly Route[], { title, version, origin, names, proofs }: OpenApiFacts): JsonObject {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, names, Object.keys(proofs)) }
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title,
      version,
      description: 'Moments are milliseconds since 1970, sizes bytes. Answers may grow: ignore what you do not know.',
    },
    servers: [{ url: origin }],
    paths,
    components: {
      schemas: Object.fromEntries(names.all().map(([name, schema]) => [name, inline(schema, names)])),
      securitySchemes: proofs,
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
export function operationIdOf({ method, url }: Route): string {
  return `${method.toLowerCase()}${url.replace(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}` || method.toLowerCase()
}

function operationOf(route: Route, names: SchemaNames, proofs: readonly string[]): Json {
  const isWrite = route.method !== 'GET'
  const status = route.status ?? (route.reply === undefined && isWrite ? 204 : 200)
  const parameters: Json[] = [...parametersOf(route.params, 'path', names), ...parametersOf(route.query, 'query', names)]
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
    security: route.needs === 'public' ? [] : [...proofs.map((proof) => ({ [proof]: [] })), {}],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route, route.body, names) }),
    responses: {
      [status]: {
        description: status === 204 ? 'Done' : status === 201 ? 'Made' : status === 202 ? 'Begun' : 'As asked',
        ...(route.reply !== undefined
          ? { content: { 'application/json': { schema: schemaOf(route.reply, names) } } }
          : status === 204
            ? {}
            : { content: { '*/*': { schema: {} } } }),
      },
      default: { $ref: '#/components/responses/Refused' },
    },
  }
}

function bodyOf(route: Route, body: TSchema, names: SchemaNames): Json {
  const schema = schemaOf(body, names)
  if (route.takesForms !== true) return { required: true, content: { 'application/json': { schema } } }
  const form = { type: 'object', properties: { torrent: { type: 'string', contentMediaType: 'application/x-bittorrent' } } }
  return {
    required: true,
    content: {
      'application/json': { schema },
      'multipart/form-data': { schema: { ...form, properties: { ...formFieldsOf(body, names), ...form.properties } } },
      'application/x-bittorrent': { schema: {} },
    },
  }
}

function formFieldsOf(body: TSchema, names: SchemaNames): JsonObject {
  return Object.fromEntries(propertiesOf(body).map(([name, schema]) => [name, schemaOf(schema, names)]))
}

function parametersOf(schema: TSchema | undefined, place: 'path' | 'query', names: SchemaNames): Json[] {
  return propertiesOf(schema).map(([name, property, isRequired]) => ({
    name,
    in: place,
    required: place === 'path' || isRequired,
    schema: schemaOf(property, names),
  }))
}

/** The properties of an object's schema: name, schema, whether it must be there. */
export function propertiesOf(schema: TSchema | undefined): [string, TSchema, boolean][] {
  if (schema === undefined || !('properties' in schema) || typeof schema.properties !== 'object' || schema.properties === null) return []
  const required = 'required' in schema && Array.isArray(schema.required) ? (schema.required as unknown[]) : []
  return Object.entries(schema.properties).map(([name, property]) => [name, property as TSchema, required.includes(name)])
}

/** A reference where the schema has a name, else the schema itself. */
function schemaOf(schema: unknown, names: SchemaNames): Json {
  const name = names.of(schema)
  return name === undefined ? inline(schema, names) : { $ref: `#/components/schemas/${name}` }
}

function inline(schema: unknown, names: SchemaNames): Json {
  if (Array.isArray(schema)) return schema.map((each) => schemaOf(each, names))
  if (typeof schema !== 'object' || schema === null) return schema as Json
  return Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, schemaOf(value, names)]))
}
