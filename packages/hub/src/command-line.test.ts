import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readCommandLine } from './command-line.ts'

describe('readCommandLine', () => {
  test('takes every setting as a flag', () => {
    const line = readCommandLine(['--config', 'hub.toml', '--host', '0.0.0.0', '--open', '--tracker-interval=10min'])
    assert.deepEqual(line, {
      file: 'hub.toml',
      flags: { host: '0.0.0.0', open: true, 'tracker.interval': '10min' },
      onlyPrints: false,
    })
    assert.deepEqual(readCommandLine(['--print-config']), { file: undefined, flags: {}, onlyPrints: true })
  })

  test('refuses what is no setting', () => {
    assert.throws(() => readCommandLine(['--prot', '1']), TypeError)
    assert.throws(() => readCommandLine(['hub']), TypeError)
  })
})
