import { HubMessage } from '@shoal/api/control-channel'
import type { TSchema } from 'typebox'
import { Check } from 'typebox/schema'

interface MessageSchema {
  readonly properties: Readonly<Record<string, TSchema>>
}

const SCHEMAS: ReadonlyMap<string, MessageSchema> = new Map(
  HubMessage.anyOf.map((schema) => [(schema.properties.type as { const: string }).const, schema as MessageSchema]),
)

/**
 * Reads one frame of a hub. A newer hub says more: what this version does not know in a message it drops, and a message of a kind
 * that it does not know is none.
 */
export function readHubMessage(text: string): HubMessage | undefined {
  let value: unknown
  try {
    value = JSON.parse(text) as unknown
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') return undefined
  const schema = SCHEMAS.get(value.type)
  if (schema === undefined) return undefined
  const known = Object.fromEntries(Object.entries(value).filter(([name]) => Object.hasOwn(schema.properties, name)))
  return Check(schema as unknown as TSchema, known) ? (known as HubMessage) : undefined
}
