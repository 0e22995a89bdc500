import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { networkOf } from './ip-networks.ts'

describe('networkOf', () => {
  test('keeps 24 bits of an IPv4 address and 56 of an IPv6 one', () => {
    assert.equal(networkOf('192.0.2.77'), '192.0.2.0/24')
    assert.equal(networkOf('::ffff:192.0.2.77'), '192.0.2.0/24')
    assert.equal(networkOf('2001:db8:aaaa:bbcc:1:2:3:4'), '2001:db8:aaaa:bb00::/56')
    assert.equal(networkOf('no address'), 'unknown')
  })
})
