import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromLatin1, latin1 } from '@shoal/protocol/bytes'
import { ProtocolError } from '@shoal/protocol/errors'
import { EngineError } from '../../packages/engine/src/base/errors.ts'
import { faultOf, fuzzTarget } from './fuzz-run.ts'
import type { FuzzTarget } from './target.ts'

const GOOD = fromLatin1('d4:name5:helloe')

function target(run: FuzzTarget['run'], more: Partial<FuzzTarget> = {}): FuzzTarget {
  return { name: 'planted', grammar: 'bencode', tokens: [], maxBytes: 200, refusals: 'protocol', corpus: () => [GOOD], run, ...more }
}

const upTo = (limit: number) => (runs: number) => runs < limit

describe('fuzzing a target', () => {
  test('finds a fault, makes its input small, and finds it again from the same seed', async () => {
    const planted = target((input) => {
      if (latin1(input).includes('ee')) throw new TypeError('it tripped')
      return 'fine'
    })
    const { finding } = await fuzzTarget(planted, { seed: '1', goesOn: upTo(5_000) })
    assert.equal(finding && latin1(finding.input), 'ee')
    assert.match(finding?.reason ?? '', /^TypeError: it tripped/)
    const again = await fuzzTarget(planted, { seed: '1', goesOn: upTo(5_000) })
    assert.deepEqual(again.finding?.run, finding?.run)
  })

  test('counts refusals and answers, and goes on', async () => {
    const { outcomes, runs, finding } = await fuzzTarget(
      target((input) => {
        if (input.length % 2 === 0) throw new ProtocolError('BENCODE_INTEGER', 'Cannot read it')
        return 'odd'
      }),
      { seed: '1', goesOn: upTo(100) },
    )
    assert.equal(finding, undefined)
    assert.equal(runs, 100)
    assert.deepEqual([...outcomes.keys()].sort(), ['BENCODE_INTEGER', 'odd'])
  })

  test('changes further what led to something new', async () => {
    // Each letter alone is found by chance; all of them in a row only because each is kept.
    const planted = target(
      (input) => {
        const depth = [0x41, 0x42, 0x43].findIndex((letter, at) => input[at] !== letter)
        if (depth === -1) throw new Error('all three')
        return `depth ${depth}`
      },
      { grammar: 'bytes', corpus: () => [fromLatin1('zzz')] },
    )
    const { finding } = await fuzzTarget(planted, { seed: '1', goesOn: upTo(200_000) })
    assert.equal(finding && latin1(finding.input), 'ABC')
  })
})

describe('what counts as a fault', () => {
  const cases: readonly (readonly [what: string, run: FuzzTarget['run'], reason: RegExp | undefined])[] = [
    ['no answer but a refusal', () => raise(new ProtocolError('BENCODE_INTEGER', 'no')), undefined],
    ['an error of another room', () => raise(new EngineError('CLOSED', 'no')), /EngineError: no/],
    [
      'an untyped error inside a typed one',
      () => raise(new ProtocolError('BENCODE_INTEGER', 'no', { cause: new TypeError('x') })),
      /caused by TypeError: x/,
    ],
    ['a string that is thrown', () => raise('text'), /Threw what is no error: text/],
    ['a promise that rejects', () => Promise.reject(new RangeError('late')), /RangeError: late/],
    ['an input that is changed', scribble, /It changed its input/],
  ]

  for (const [what, run, reason] of cases) {
    test(what, async () => {
      const fault = await faultOf(target(run), GOOD.slice())
      if (reason === undefined) assert.equal(fault, undefined)
      else assert.match(fault ?? 'nothing', reason)
    })
  }
})

function raise(thrown: unknown): never {
  throw thrown
}

function scribble(input: Uint8Array): string {
  input[0] = 0
  return 'fine'
}
