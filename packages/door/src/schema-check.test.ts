import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FileListQuery } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import Type from 'typebox'
import { SchemaCheck } from './schema-check.ts'

describe('SchemaCheck', () => {
  test('makes of text what the schema asks for, and nothing else', () => {
    const check = new SchemaCheck(
      Type.Object({
        count: Type.Integer(),
        share: Type.Number(),
        isOn: Type.Boolean(),
        tags: Type.Array(Type.String()),
        text: Type.String(),
      }),
    )
    const pairs = [
      ['count', '-12'],
      ['share', '1.5'],
      ['isOn', 'true'],
      ['tags', '1'],
      ['tags', 'true'],
      ['text', '12'],
    ] as const
    const values = check.fromText(pairs, 'query')
    assert.deepEqual({ ...values }, { count: -12, share: 1.5, isOn: true, tags: ['1', 'true'], text: '12' })
    check.require(values, 'query')
    for (const count of ['', ' 1', '1 ', '0x1', '1e3', '1.0', '12345678901234567', 'NaN']) {
      assert.throws(() => check.require(check.fromText([...pairs.slice(1), ['count', count]], 'query'), 'query'), ProblemError, count)
    }
  })

  test('takes names from objects for what they are: names', () => {
    const check = new SchemaCheck(FileListQuery)
    const values = check.fromText(
      [
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ],
      'query',
    )
    assert.deepEqual(
      check.errorsOf(values).map(({ field }) => field),
      ['__proto__', 'constructor'],
    )
    assert.equal(({} as Record<string, unknown>).x, undefined)
  })

  test('names each field that breaks a rule once, and of very many some', () => {
    const check = new SchemaCheck(Type.Object({ a: Type.Object({ b: Type.String({ minLength: 2, pattern: '^x' }) }), c: Type.Integer() }))
    assert.deepEqual(
      check
        .errorsOf({ a: { b: '' } })
        .map(({ field }) => field)
        .sort(),
      ['a.b', 'c'],
    )
    const closed = new SchemaCheck(Type.Object({}, { additionalProperties: false }))
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`f${at}`, 1]))
    const told = closed.errorsOf(many)
    assert.ok(told.length > 0 && told.length <= 20)
    assert.deepEqual(told[0], { field: 'f0', detail: 'is not known here' })
  })
})
