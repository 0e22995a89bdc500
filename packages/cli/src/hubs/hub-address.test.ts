import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hubAddress, hubIdOf, parseEndpoint, shownAddress } from './hub-address.ts'

describe('the address of a hub', () => {
  test('has one spelling, however it is typed', () => {
    for (const [typed, address] of [
      ['127.0.0.1:6880', 'http://127.0.0.1:6880'],
      ['192.168.1.88', 'http://192.168.1.88:6880'],
      ['192.168.1.88:80', 'http://192.168.1.88'],
      ['Class.Example', 'http://class.example:6880'],
      [' http://class.example/ ', 'http://class.example'],
      ['https://class.example/hub//', 'https://class.example/hub'],
      ['::1', 'http://[::1]:6880'],
      ['[::1]:7000', 'http://[::1]:7000'],
    ] as const) {
      assert.equal(hubAddress(typed), address, typed)
      assert.equal(hubAddress(address), address, address)
    }
    assert.equal(hubIdOf('http://127.0.0.1:6880').length, 12)
  })

  test('is refused when no hub can be there', () => {
    for (const typed of ['', 'ftp://x', 'http://', 'http://a:b@c', 'a b', '1.2.3.4:99999', 'http://x\\y', 'udp://1.2.3.4:1']) {
      assert.throws(() => hubAddress(typed), { code: 'VALIDATION' }, typed)
    }
  })

  test('of a peer is an address and a port', () => {
    assert.deepEqual(parseEndpoint('10.0.0.1:6881'), { ip: '10.0.0.1', port: 6881 })
    assert.deepEqual(parseEndpoint('[FE80::1]:6881'), { ip: 'fe80::1', port: 6881 })
    for (const text of ['binh', '10.0.0.1', '10.0.0.1:0', '10.0.0.1:65536', 'fe80::1:6881'])
      assert.equal(parseEndpoint(text), undefined, text)
    assert.equal(shownAddress({ ip: '::1', port: 1 }), '[::1]:1')
  })
})
