import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProblemError } from '@shoal/api/problem'
import { errorOf, isUniqueViolation, SqlError } from './sql-error.ts'

const of = (errcode: number, message: string = 'it says') => errorOf({ errcode, message, isTransactionLost: false })

describe('errorOf', () => {
  const world: [string, number, string][] = [
    ['SQLITE_BUSY', 5, 'BUSY'],
    ['SQLITE_BUSY_RECOVERY', 261, 'BUSY'],
    ['SQLITE_BUSY_SNAPSHOT', 517, 'BUSY'],
    ['SQLITE_LOCKED', 6, 'BUSY'],
    ['SQLITE_NOMEM', 7, 'BUSY'],
    ['SQLITE_READONLY', 8, 'STORAGE'],
    ['SQLITE_IOERR_WRITE', 778, 'STORAGE'],
    ['SQLITE_IOERR_FSYNC', 1034, 'STORAGE'],
    ['SQLITE_CORRUPT', 11, 'STORAGE'],
    ['SQLITE_FULL', 13, 'STORAGE'],
    ['SQLITE_CANTOPEN', 14, 'STORAGE'],
    ['SQLITE_NOTADB', 26, 'STORAGE'],
    ['SQLITE_TOOBIG', 18, 'TOO_LARGE'],
  ]
  for (const [name, errcode, code] of world) {
    test(`${name} is what the world does: ${code}, with what to do`, () => {
      const error = of(errcode)
      assert.ok(error instanceof ProblemError)
      assert.equal(error.code, code)
      assert.match(error.message, /Nothing was changed/)
      assert.ok(error.cause instanceof Error)
    })
  }

  test('what a statement did wrong is an SqlError', () => {
    assert.deepEqual(
      [2067, 1555, 787, 1299, 275, 3091, 1].map((errcode) => of(errcode).code),
      ['UNIQUE', 'UNIQUE', 'FOREIGN_KEY', 'NOT_NULL', 'CHECK', 'CHECK', 'OTHER'],
    )
  })
})

describe('isUniqueViolation', () => {
  test('knows columns and indexes, and is not misled by names that contain others', () => {
    const error = of(2067, 'UNIQUE constraint failed: entries.host_id, entries.local_path')
    assert.ok(isUniqueViolation(error))
    assert.ok(isUniqueViolation(error, 'entries.local_path'))
    assert.ok(!isUniqueViolation(error, 'entries.local'))
    assert.ok(!isUniqueViolation(error, 'host_id'))
    assert.ok(isUniqueViolation(of(2067, "UNIQUE constraint failed: index 'by_name'"), 'by_name'))
  })

  test('is about nothing else', () => {
    assert.ok(!isUniqueViolation(of(787)))
    assert.ok(!isUniqueViolation(new Error('UNIQUE constraint failed: accounts.name')))
    assert.ok(!isUniqueViolation(new SqlError('CHECK', 'UNIQUE constraint failed: accounts.name')))
    assert.ok(!isUniqueViolation(undefined))
  })
})
