import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProtocolError } from '@shoal/protocol/errors'
import { CliError, EXIT, exitStatusOf, failureJson, failureLine, failureOf } from './failure.ts'

describe('a failure', () => {
  test('is one line for people and one object for programs', () => {
    const failure = failureOf(new CliError('FILE_MISSING', 'Cannot read x.torrent: there is no such file.'))
    assert.equal(failureLine(failure), 'shoal: Cannot read x.torrent: there is no such file (FILE_MISSING)')
    assert.deepEqual(JSON.parse(failureJson(failure)), {
      error: { code: 'FILE_MISSING', message: 'Cannot read x.torrent: there is no such file.' },
    })
  })

  test('keeps the code of the protocol and counts it as bad input', () => {
    const failure = failureOf(new ProtocolError('BENCODE_TRUNCATED', 'Cannot read'))
    assert.equal(failure.code, 'BENCODE_TRUNCATED')
    assert.equal(exitStatusOf(failure), EXIT.badInput)
  })

  test('of the world is not bad input', () => {
    assert.equal(exitStatusOf({ code: 'DISK_FULL', message: '' }), EXIT.failure)
    assert.equal(exitStatusOf({ code: 'NOT_WRITABLE', message: '' }), EXIT.failure)
  })

  test('that nobody put into words is a bug', () => {
    assert.equal(failureOf(Object.assign(new Error('no such file'), { code: 'ENOENT' })).code, 'BUG')
    assert.equal(failureOf(Object.assign(new Error('bad argument'), { code: 'ERR_INVALID_ARG_TYPE' })).code, 'BUG')
    assert.equal(failureOf('a string').code, 'BUG')
  })

  test('stays on its line whatever a stranger put into it', () => {
    assert.equal(failureLine(failureOf(new CliError('USAGE', 'a\nb\u001b[31m'))), 'shoal: a b [31m (USAGE)')
  })
})
