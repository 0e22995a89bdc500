import { Problem } from '@shoal/api/problem'
import type { TSchema } from 'typebox'

/** Schemas that have a name of their own: what a module of `@shoal/api` exports. */
export class SchemaNames {
  readonly #names: ReadonlyMap<unknown, string>

  /** @param contract the module: `import * as hubApi from '@shoal/api/hub-api'` */
  constructor(contract: object) {
    this.#names = new Map<unknown, string>([
      ...Object.entries(contract)
        .filter(([name, value]) => /^[A-Z][a-z]/.test(name) && isSchema(value))
        .map(([name, value]): [unknown, string] => [value, name]),
      [Problem, 'Problem'],
    ])
  }

  /** What a schema with a name is called. */
  of(schema: unknown): string | undefined {
    return this.#names.get(schema)
  }

  /** All of them, in the order of their declaration. */
  all(): [string, TSchema][] {
    return [...this.#names].map(([schema, name]) => [name, schema as TSchema])
  }
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('type' in value || 'anyOf' in value)
}
