import { PeerMessage } from '@shoal/api/control-channel'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'

/** One schema for each kind of message, so that the refusal names the field and not every kind that it might have been. */
const VALIDATORS: ReadonlyMap<string, Validator> = new Map(
  PeerMessage.anyOf.map((schema) => [(schema.properties.type as { const: string }).const, Compile(schema as TSchema)]),
)

/** Reads one frame of the control channel. */
export function readPeerMessage(text: string): PeerMessage | { readonly refusal: string } {
  let value: unknown
  try {
    value = JSON.parse(text) as unknown
  } catch {
    return { refusal: 'it is not JSON' }
  }
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string')
    return { refusal: 'it has no type' }
  const validator = VALIDATORS.get(value.type)
  if (validator === undefined) return { refusal: `there is no message of the type ${JSON.stringify(value.type.slice(0, 40))}` }
  if (validator.Check(value)) return value as PeerMessage
  const [error] = validator.Errors(value)
  const field = error?.instancePath.slice(1, 60) || 'it'
  return { refusal: `${field} ${(error?.message ?? 'breaks its rule').slice(0, 200)}` }
}
