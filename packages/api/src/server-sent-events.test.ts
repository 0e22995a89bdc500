import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MAX_EVENT_CHARACTERS, type SentEvent, SentEventReader } from './server-sent-events.ts'

function read(...chunks: string[]): { events: SentEvent[]; reader: SentEventReader } {
  const events: SentEvent[] = []
  const reader = new SentEventReader((event) => events.push(event))
  for (const chunk of chunks) reader.push(chunk)
  return { events, reader }
}

const STREAM =
  ': hello\r\nretry: 2500\n\nid: 7\nevent: tick\ndata: one\ndata:two\n\rdata\r\r: still here\n\nid: 8\ndata:  three\n\ndata: half'

describe('SentEventReader', () => {
  test('reads events, ids and the time to wait; comments and empty events are nothing', () => {
    const { events, reader } = read(STREAM)
    assert.deepEqual(events, [
      { type: 'tick', data: 'one\ntwo' },
      { type: 'message', data: '' },
      { type: 'message', data: ' three' },
    ])
    assert.equal(reader.lastId, '8')
    assert.equal(reader.retryMs, 2500)
  })

  test('finds the same however the stream was cut', () => {
    const whole = read(STREAM).events
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), STREAM.length]
        assert.deepEqual(read(...at.slice(1).map((end, index) => STREAM.slice(at[index], end))).events, whole)
      }),
    )
  })

  test('forgets half an event when a new stream begins, and goes on after the last whole one', () => {
    const { events, reader } = read('id: 3\ndata: whole\n\nid: 4\ndata: half')
    reader.restart()
    reader.push('data: new\n\n')
    assert.deepEqual(events.at(-1), { type: 'message', data: 'new' })
    assert.equal(reader.lastId, '3')
  })

  test('refuses an event without an end', () => {
    const line = `data: ${'x'.repeat(100_000)}\n`
    assert.throws(() => read(...Array<string>(12).fill(line)), RangeError)
    assert.throws(() => read('x'.repeat(MAX_EVENT_CHARACTERS + 1)), RangeError)
  })
})
