import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import { PipedLines } from './piped-lines.ts'

const signal = new AbortController().signal

describe('PipedLines', () => {
  test('gives every line, whatever ends it, and the last without an end', async () => {
    const pipe = new PassThrough()
    const lines = new PipedLines(pipe, () => {})
    pipe.end('one\ntwo\r\n\nbốn')
    const got: (string | undefined)[] = []
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) got.push(line)
    assert.deepEqual(got, ['one', 'two', '', 'bốn'])
    assert.equal(await lines.next(), undefined)
  })

  test('takes the next line for the answer to a question', async () => {
    const pipe = new PassThrough()
    const lines = new PipedLines(pipe, () => {})
    pipe.end('register an\nsecret password\nlist_peers\n')
    assert.equal(await lines.next(), 'register an')
    assert.equal(await lines.ask('Password: ', 'secret', signal), 'secret password')
    assert.equal(await lines.next(), 'list_peers')
    assert.equal(await lines.ask('Password: ', 'secret', signal), undefined)
  })

  test('loses nothing of a long pipe', async () => {
    const pipe = new PassThrough()
    const lines = new PipedLines(pipe, () => {})
    pipe.end(Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join(''))
    let count = 0
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) assert.equal(line, `line ${count++}`)
    assert.equal(count, 20_000)
  })

  test('ends when it is closed', async () => {
    const lines = new PipedLines(new PassThrough(), () => {})
    const line = lines.next()
    lines.close()
    assert.equal(await line, undefined)
  })
})
