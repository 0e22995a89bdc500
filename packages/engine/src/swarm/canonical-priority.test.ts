import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalPriority } from './canonical-priority.ts'

const at = (host: string, port = 6881) => ({ host, port })

describe('canonicalPriority', () => {
  test('gives the two numbers that BEP 40 gives', () => {
    assert.equal(canonicalPriority(at('123.213.32.10'), at('98.76.54.32')), 0xec2d7224)
    assert.equal(canonicalPriority(at('123.213.32.10'), at('123.213.32.234')), 0x99568189)
  })

  test('is the same number on both sides', () => {
    const endpoint = fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65535 }) })
    fc.assert(fc.property(endpoint, endpoint, (one, other) => canonicalPriority(one, other) === canonicalPriority(other, one)))
  })

  test('tells ports apart when the address is the same', () => {
    const one = canonicalPriority(at('10.0.0.1', 1000), at('10.0.0.1', 2000))
    assert.notEqual(one, canonicalPriority(at('10.0.0.1', 1000), at('10.0.0.1', 2001)))
    assert.equal(one, canonicalPriority(at('10.0.0.1', 2000), at('10.0.0.1', 1000)))
  })

  test('does not care for every second bit of the host part, so that a range of addresses gives few chances', () => {
    const near = canonicalPriority(at('1.2.3.4'), at('9.9.0.0'))
    assert.equal(near, canonicalPriority(at('1.2.3.4'), at('9.9.170.170')))
    assert.notEqual(near, canonicalPriority(at('1.2.3.4'), at('9.9.85.0')))
  })

  test('masks IPv6 from the seventh byte on, later in a common network', () => {
    const ours = at('2001:db8:1::1')
    assert.equal(canonicalPriority(ours, at('2001:db8:2::')), canonicalPriority(ours, at('2001:db8:2:aaaa::')))
    assert.notEqual(canonicalPriority(ours, at('2001:db8:1:aa00::')), canonicalPriority(ours, at('2001:db8:1:0::')))
  })

  test('has no number for a pair of IPv4 and IPv6, or for a name', () => {
    assert.equal(canonicalPriority(at('1.2.3.4'), at('2001:db8::1')), undefined)
    assert.equal(canonicalPriority(at('1.2.3.4'), at('example.org')), undefined)
  })
})
