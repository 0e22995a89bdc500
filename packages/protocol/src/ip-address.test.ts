import assert from 'node:assert/strict'
import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatIp, formatIpv6, isLocalIp, parseIp, parseIpv4, parseIpv6 } from './ip-address.ts'

describe('ip-address', () => {
  test('writes what it reads, in the short form', () => {
    const pairs: [string, string][] = [
      ['127.0.0.1', '127.0.0.1'],
      ['255.255.255.255', '255.255.255.255'],
      ['::', '::'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['0:0:1:0:0:0:1:0', '0:0:1::1:0'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['::ffff:c000:201', '192.0.2.1'],
      ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ]
    for (const [text, short] of pairs) {
      const bytes = parseIp(text)
      assert.ok(bytes, text)
      assert.equal(formatIp(bytes), short)
    }
  })

  test('refuses what is no plain address', () => {
    const wrong = ['', '1', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.', '.1.2.3', '1.2.3.4 ', '0x7f.1', ':', ':::', '1::2::3']
    wrong.push(
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      'g::',
      'fe80::1%eth0',
      '[::1]',
      '::1.2.3',
      '1.2.3.4::',
      '1:2:3:4:5:6:7::8:9',
    )
    for (const text of wrong) assert.equal(parseIp(text), undefined, text)
  })

  test('agrees with Node about every address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const bytes = parseIpv6(text)
        assert.equal(bytes !== undefined, isIPv6(text), text)
        if (bytes === undefined) return
        const ours = formatIpv6(bytes)
        if (isIPv6(ours)) assert.equal(new SocketAddress({ address: text, family: 'ipv6' }).address, asNodeWrites(ours))
      }),
    )
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.string()), (text) => assert.equal(parseIpv4(text) !== undefined, isIPv4(text), text)))
  })

  test('comes back from any bytes', () => {
    const addresses = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    fc.assert(
      fc.property(addresses, (bytes) => {
        const again = parseIp(formatIp(bytes))
        assert.ok(again)
        assert.equal(formatIp(again), formatIp(bytes))
      }),
    )
  })

  test('knows which addresses only neighbours have', () => {
    const local = [
      '127.0.0.1',
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.254',
      '192.168.1.1',
      '169.254.9.9',
      '::1',
      'fc00::1',
      'fdab::1',
      'fe80::1',
      'febf::1',
      '::ffff:10.1.2.3',
    ]
    const others = [
      '8.8.8.8',
      '11.0.0.1',
      '172.15.0.1',
      '172.32.0.1',
      '192.169.0.1',
      '100.64.0.1',
      '0.0.0.0',
      '::',
      '::2',
      'fec0::1',
      '2001:db8::1',
      '::ffff:8.8.8.8',
      'localhost',
      '',
    ]
    for (const address of local) assert.equal(isLocalIp(address), true, address)
    for (const address of others) assert.equal(isLocalIp(address), false, address)
  })
})

/** Node's own short form writes some addresses with a dotted end. */
function asNodeWrites(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address
}
