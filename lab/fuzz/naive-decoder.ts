import { toHex, uint16, uint32 } from '@shoal/protocol/bytes'

/** Lengths of messages that can only have one, with their id. */
const FIXED_LENGTHS: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 1,
  3: 1,
  4: 5,
  6: 13,
  8: 13,
  9: 3,
  13: 5,
  14: 1,
  15: 1,
  16: 13,
  17: 5,
}
/** The shortest that others can be. */
const SHORTEST: Readonly<Record<number, number>> = { 5: 2, 7: 10, 20: 2 }

/**
 * What `MessageDecoder` must say of a stream, read in the plainest way: all of it at once, one message after another, every
 * message a string.
 */
export function naiveCalls(
  bytes: Uint8Array,
  maxMessageBytes: number,
): { readonly calls: string[]; readonly refusal: 'WIRE_MESSAGE_TOO_LONG' | 'WIRE_BAD_LENGTH' | undefined } {
  const calls: string[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = uint32(bytes, at)
    if (length > maxMessageBytes) return { calls, refusal: 'WIRE_MESSAGE_TOO_LONG' }
    const end = at + 4 + length
    if (end > bytes.length) break
    const message = bytes.subarray(at + 4, end)
    at = end
    if (length === 0) {
      calls.push('keep-alive')
      continue
    }
    const id = message[0]!
    const fixed = FIXED_LENGTHS[id]
    if ((fixed !== undefined && length !== fixed) || length < (SHORTEST[id] ?? 0)) return { calls, refusal: 'WIRE_BAD_LENGTH' }
    calls.push(callOf(id, message))
  }
  return { calls, refusal: undefined }
}

function callOf(id: number, message: Uint8Array): string {
  switch (id) {
    case 5:
      return `5 ${toHex(message.subarray(1))}`
    case 7:
      return `7 ${uint32(message, 1)} ${uint32(message, 5)} ${toHex(message.subarray(9))}`
    case 9:
      return `9 ${uint16(message, 1)}`
    case 20:
      return `20 ${message[1]} ${toHex(message.subarray(2))}`
    default: {
      if (FIXED_LENGTHS[id] === undefined) return `other ${id} ${toHex(message.subarray(1))}`
      const numbers = Array.from({ length: (message.length - 1) / 4 }, (_, index) => uint32(message, 1 + index * 4))
      return [id, ...numbers].join(' ')
    }
  }
}
