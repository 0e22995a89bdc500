import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseIp } from '@shoal/protocol/ip-address'
import { ConnectionCap } from './connection-cap.ts'

describe('ConnectionCap', () => {
  const enters = (cap: ConnectionCap, host: string, times = 1) =>
    Array.from({ length: times }, () => cap.enter(parseIp(host)!)).filter(Boolean).length

  test('lets one address have so many connections, and others theirs', () => {
    const cap = new ConnectionCap(3, () => false)
    assert.deepEqual([enters(cap, '192.0.2.1', 5), enters(cap, '192.0.2.2', 5)], [3, 3])
    cap.leave(parseIp('192.0.2.1')!)
    assert.equal(enters(cap, '192.0.2.1', 5), 1)
    for (let i = 0; i < 3; i++) cap.leave(parseIp('192.0.2.1')!)
    assert.equal(enters(cap, '192.0.2.1', 5), 3)
  })

  test('counts an IPv6 /64 as one', () => {
    const cap = new ConnectionCap(2, () => false)
    assert.deepEqual(
      [enters(cap, '2001:db8::1'), enters(cap, '2001:db8::2'), enters(cap, '2001:db8::3'), enters(cap, '2001:db8:0:1::3')],
      [1, 1, 0, 1],
    )
  })

  test('does not hold up this machine or a proxy', () => {
    const cap = new ConnectionCap(1, (address) => address[0] === 10)
    assert.deepEqual([enters(cap, '127.0.0.1', 9), enters(cap, '::1', 9), enters(cap, '10.0.0.1', 9)], [9, 9, 9])
  })
})
