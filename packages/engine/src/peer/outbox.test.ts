import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes } from '@shoal/protocol/bytes'
import fc from 'fast-check'
import type { ByteStream } from '../ports/network.ts'
import type { System } from '../ports/system.ts'
import { Outbox } from './outbox.ts'

/** Takes writes, reads their bytes only when it is told to send, and then calls back: as a socket that is busy does. */
class BusyStream {
  readonly sent: Uint8Array[] = []
  readonly #waiting: { readonly bytes: Uint8Array; readonly onSent: (() => void) | undefined }[] = []
  writeCount = 0

  write(bytes: Uint8Array, onSent?: () => void): boolean {
    this.writeCount++
    this.#waiting.push({ bytes, onSent })
    return true
  }

  send(count = Number.POSITIVE_INFINITY): void {
    for (const { bytes, onSent } of this.#waiting.splice(0, count)) {
      this.sent.push(bytes.slice())
      onSent?.()
    }
  }
}

function newOutbox(): { outbox: Outbox; stream: BusyStream; endTurn: () => void } {
  const stream = new BusyStream()
  const due: (() => void)[] = []
  const outbox = new Outbox(stream as unknown as ByteStream, { soon: (callback: () => void) => due.push(callback) } as unknown as System)
  return {
    outbox,
    stream,
    endTurn: () => {
      for (const callback of due.splice(0)) callback()
    },
  }
}

function write(outbox: Outbox, message: Uint8Array): void {
  const at = outbox.room(message.length)
  outbox.bytes.set(message, at)
  outbox.end = at + message.length
}

describe('Outbox', () => {
  test('sends what was gathered in a turn with one write', () => {
    const { outbox, stream, endTurn } = newOutbox()
    write(outbox, Uint8Array.of(1, 2))
    outbox.put(Uint8Array.of(3, 4, 5))
    write(outbox, Uint8Array.of(6))
    assert.equal(stream.writeCount, 0)
    endTurn()
    stream.send()
    assert.deepEqual(stream.sent, [Uint8Array.of(1, 2, 3, 4, 5, 6)])
  })

  test('keeps the order and the bytes, however messages are given and however slowly they are taken', () => {
    const step = fc.record({ how: fc.constantFrom('room', 'put', 'send', 'turn', 'taken'), length: fc.integer({ min: 1, max: 1500 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const { outbox, stream, endTurn } = newOutbox()
        const said: Uint8Array[] = []
        for (const [number, { how, length }] of steps.entries()) {
          const message = new Uint8Array(how === 'room' ? (length % 17) + 1 : length).fill(number)
          if (how === 'turn') endTurn()
          else if (how === 'taken') stream.send(1)
          else {
            said.push(message.slice())
            if (how === 'room') write(outbox, message)
            else if (how === 'put') outbox.put(message)
            else outbox.send(message)
          }
        }
        endTurn()
        stream.send()
        assert.deepEqual(concatBytes(stream.sent), concatBytes(said))
      }),
    )
  })
})
