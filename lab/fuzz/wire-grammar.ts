import type { Random } from '@shoal/engine/simulation'
import { concatBytes, setUint32, uint32 } from '@shoal/protocol/bytes'
import { type ByteMutator, pick } from './byte-mutator.ts'

/** The bytes of a peer-wire stream cut at its length prefixes; what is no whole message is the last part. */
export function messagesOf(bytes: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = []
  let at = 0
  while (at + 4 <= bytes.length) {
    const end = at + 4 + uint32(bytes, at)
    if (end > bytes.length) break
    messages.push(bytes.subarray(at, end))
    at = end
  }
  if (at < bytes.length) messages.push(bytes.subarray(at))
  return messages
}

/** Messages left out, doubled, swapped, put in, or changed inside with a length that still fits. */
export function mutateMessages(
  bytes: Uint8Array,
  by: { readonly random: Random; readonly tokens: readonly Uint8Array[]; readonly bytes: ByteMutator },
): Uint8Array {
  const { random, tokens } = by
  const messages = messagesOf(bytes)
  do {
    const at = random.below(messages.length + 1)
    const message = messages[at]
    switch (random.below(6)) {
      case 0:
        messages.splice(at, 1)
        break
      case 1:
        if (message !== undefined) messages.splice(at, 0, ...Array.from({ length: 1 + random.below(4) }, () => message))
        break
      case 2: {
        const other = random.below(messages.length + 1)
        if (message === undefined || messages[other] === undefined) break
        messages[at] = messages[other]
        messages[other] = message
        break
      }
      case 3:
        if (tokens.length > 0) messages.splice(at, 0, pick(random, tokens))
        break
      default:
        if (message !== undefined && message.length > 4) messages[at] = withLength(by.bytes.change(message.subarray(4)))
    }
  } while (random.chance(1 / 2))
  return concatBytes(messages)
}

/** A message of that id and payload. */
export function withLength(body: Uint8Array): Uint8Array {
  const message = new Uint8Array(4 + body.length)
  setUint32(message, 0, body.length)
  message.set(body, 4)
  return message
}
