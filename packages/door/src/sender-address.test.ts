import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import { isLoopback, NetworkList } from './ip-networks.ts'
import { SenderAddress } from './sender-address.ts'

const ip = (text: string) => parseIp(text)!

describe('NetworkList', () => {
  test('knows what is in its networks, to the bit', () => {
    const networks = new NetworkList(['10.0.0.0/8', '192.0.2.128/25', '203.0.113.7', '2001:db8::/33', '::/0'])
    for (const inside of ['10.255.0.1', '192.0.2.128', '192.0.2.255', '203.0.113.7', '2001:db8:7fff::1', 'fe80::1'])
      assert.ok(networks.has(ip(inside)), inside)
    for (const outside of ['11.0.0.1', '192.0.2.127', '203.0.113.8']) assert.ok(!networks.has(ip(outside)), outside)
    assert.ok(!new NetworkList(['2001:db8::/33']).has(ip('2001:db8:8000::1')))
    assert.ok(!new NetworkList([]).has(ip('10.0.0.1')))
    assert.ok(new NetworkList(['0.0.0.0/0']).has(ip('10.0.0.1')))
  })

  test('says which network it cannot read', () => {
    for (const text of ['', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/-1', '10.0.0.0/', '::/129', 'example.org', '10.0.0.0/8/8']) {
      assert.throws(() => new NetworkList([text]), RangeError, text)
    }
  })

  test('knows loopback', () => {
    assert.deepEqual(
      ['127.0.0.1', '127.9.9.9', '::1', '128.0.0.1', '::2', '::'].map((text) => isLoopback(ip(text))),
      [true, true, true, false, false, false],
    )
  })
})

describe('SenderAddress', () => {
  const senders = new SenderAddress({ trustedProxies: ['127.0.0.1', '10.0.0.0/24'], addressFrom: ['10.1.0.0/16'] })
  const behind = (peer: string, forwardedFor?: string) => formatIp(senders.behind(ip(peer), forwardedFor))

  test('is where the connection comes from, unless that is a proxy that is trusted', () => {
    assert.equal(behind('192.0.2.1', '198.51.100.1'), '192.0.2.1')
    assert.equal(behind('127.0.0.1'), '127.0.0.1')
    assert.equal(behind('127.0.0.1', '198.51.100.1'), '198.51.100.1')
    assert.equal(new SenderAddress().behind(ip('127.0.0.1'), '198.51.100.1')[0], 127)
  })

  test('walks from the right, and stops at the first that is no proxy', () => {
    assert.equal(behind('127.0.0.1', '6.6.6.6, 198.51.100.1, 10.0.0.3'), '198.51.100.1')
    assert.equal(behind('127.0.0.1', '6.6.6.6,198.51.100.1'), '198.51.100.1')
    assert.equal(behind('127.0.0.1', '10.0.0.9, 10.0.0.3'), '10.0.0.9')
    assert.equal(behind('127.0.0.1', '198.51.100.1, garbage'), '127.0.0.1')
    assert.equal(behind('127.0.0.1', '198.51.100.1, , 10.0.0.3'), '10.0.0.3')
    assert.equal(behind('127.0.0.1', '198.51.100.1:4711'), '198.51.100.1')
    assert.equal(behind('127.0.0.1', '[2001:db8::1]:4711'), '2001:db8::1')
    assert.equal(behind('127.0.0.1', '2001:db8::1'), '2001:db8::1')
    assert.equal(behind('127.0.0.1', '::ffff:198.51.100.1'), '198.51.100.1')
  })

  test('is what a peer claims in a network that is believed', () => {
    const claimed = ip('198.51.100.1')
    assert.equal(senders.believed(ip('10.1.2.3'), claimed), claimed)
    assert.equal(formatIp(senders.believed(ip('10.2.2.3'), claimed)), '10.2.2.3')
    assert.equal(formatIp(senders.believed(ip('10.1.2.3'), undefined)), '10.1.2.3')
  })
})
