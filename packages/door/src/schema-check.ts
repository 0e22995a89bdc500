import { ProblemError } from '@shoal/api/problem'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'

const MAX_TOLD = 20
const MAX_FIELD_CHARACTERS = 100

/** Holds what came in, or goes out, against one schema. */
export class SchemaCheck {
  readonly #schema: TSchema
  readonly #validator: Validator

  constructor(schema: TSchema) {
    this.#schema = schema
    this.#validator = Compile(schema)
  }

  /** @throws {ProblemError} `VALIDATION` with one of `errors` a field */
  require(value: unknown, what: string): void {
    if (this.#validator.Check(value)) return
    const errors = this.errorsOf(value)
    const [first] = errors
    throw new ProblemError('VALIDATION', `Cannot take this ${what}: ${first?.field ?? what} ${first?.detail ?? 'breaks its rule'}`, {
      errors,
    })
  }

  errorsOf(value: unknown): { field: string; detail: string }[] {
    const told = new Map<string, string>()
    for (const error of this.#validator.Errors(value)) {
      const parent = error.instancePath.slice(1).replaceAll('/', '.')
      const names = namesIn(error.params)
      // what is not named meets a schema that is plainly false
      const isUnknown = error.keyword === 'additionalProperties' || error.keyword === 'boolean'
      const detail = isUnknown ? 'is not known here' : error.keyword === 'required' ? 'is missing' : error.message
      for (const name of names ?? ['']) {
        const field =
          [parent, name]
            .filter((part) => part !== '')
            .join('.')
            .slice(0, MAX_FIELD_CHARACTERS) || '(all of it)'
        if (!told.has(field) && told.size < MAX_TOLD) told.set(field, detail)
      }
    }
    return [...told].map(([field, detail]) => ({ field, detail }))
  }

  /**
   * Text, as addresses and forms have it, to what the schema asks for: whole numbers, truth values and lists. What fits
   * nothing stays text, and the check says so.
   *
   * @throws {ProblemError} `VALIDATION` for what may come once and comes twice
   */
  fromText(pairs: readonly (readonly [string, string])[], what: string): Record<string, unknown> {
    const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    for (const [name, text] of pairs) {
      const property = propertyOf(this.#schema, name)
      if (typeOf(property) === 'array') {
        const earlier = Array.isArray(values[name]) ? values[name] : []
        values[name] = [...earlier, convert(text, itemsOf(property))]
      } else if (name in values) {
        throw new ProblemError('VALIDATION', `Cannot take this ${what}: ${name} is there twice`, {
          errors: [{ field: name, detail: 'may be given once only' }],
        })
      } else values[name] = convert(text, property)
    }
    return values
  }
}

function convert(text: string, schema: unknown): unknown {
  const type = typeOf(schema)
  if (type === 'integer' && /^-?\d{1,16}$/.test(text)) return Number(text)
  if (type === 'number' && /^-?\d{1,16}(?:\.\d{1,16})?$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

function namesIn(params: object): readonly string[] | undefined {
  if ('requiredProperties' in params) return params.requiredProperties as string[]
  if ('additionalProperties' in params) return params.additionalProperties as string[]
  return undefined
}

function propertyOf(schema: TSchema, name: string): unknown {
  if (!('properties' in schema) || typeof schema.properties !== 'object' || schema.properties === null) return undefined
  return Object.hasOwn(schema.properties, name) ? (schema.properties as Record<string, unknown>)[name] : undefined
}

function typeOf(schema: unknown): unknown {
  return typeof schema === 'object' && schema !== null && 'type' in schema ? schema.type : undefined
}

function itemsOf(schema: unknown): unknown {
  return typeof schema === 'object' && schema !== null && 'items' in schema ? schema.items : undefined
}
