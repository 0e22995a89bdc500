import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { anonymousMiB, threadSeconds, tickSeconds } from './proc-files.ts'

describe('the files of /proc', () => {
  test('schedstat gives the time of a thread in nanoseconds', () => {
    assert.equal(threadSeconds('1500000000 87080 2\n'), 1.5)
  })

  test('stat gives the time of a process whose name tries to confuse', () => {
    const stat = '4711 (a) b (c) S 1 4711 4711 0 -1 4194304 10 0 0 0 150 25 7 8 20 0 11 0 100 1000 200 0'
    assert.equal(tickSeconds(stat), 1.75)
  })

  test('status gives the memory that is in no file', () => {
    assert.equal(anonymousMiB('Name:\tx\nVmRSS:\t 9000 kB\nRssAnon:\t    2048 kB\nRssFile:\t 10 kB\n'), 2)
  })

  test('status of a process that is ending gives none', () => {
    assert.equal(anonymousMiB('Name:\tx\nState:\tZ (zombie)\n'), 0)
  })
})
