import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type AddressReach, addressReach, normaliseHost } from './address.ts'

describe('addressReach', () => {
  const examples: Record<AddressReach, readonly string[]> = {
    public: [
      '1.1.1.1',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.1',
      '172.15.255.255',
      '172.32.0.0',
    ].concat(['192.167.255.255', '192.169.0.0', '223.255.255.255', '2001:db8::1', '2606:4700::1111', '::ffff:1.1.1.1', '64:ff9b::101:101']),
    private: [
      '10.0.0.1',
      '10.255.255.255',
      '172.16.0.0',
      '172.31.255.255',
      '192.168.0.1',
      '100.64.0.1',
      'fc00::1',
      'fdff::1',
      '::ffff:10.0.0.1',
    ].concat(['64:ff9b::a00:1', '2002:a00:1::']),
    local: [
      '127.0.0.1',
      '127.255.255.254',
      '169.254.169.254',
      '::1',
      'fe80::1',
      'fe80::1%eth0',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '2002:7f00:1::',
    ],
    none: [
      '0.0.0.0',
      '0.1.2.3',
      '224.0.0.1',
      '255.255.255.255',
      '240.0.0.1',
      '::',
      'ff02::1',
      '::ffff:0.0.0.0',
      'example.org',
      '',
      '127.1',
      '1.2.3.4.5',
    ],
  }
  for (const [reach, addresses] of Object.entries(examples)) {
    for (const address of addresses) test(`"${address}" is ${reach}`, () => assert.equal(addressReach(address), reach))
  }

  test('one address has one spelling', () => {
    assert.equal(normaliseHost('::ffff:192.0.2.1'), '192.0.2.1')
    assert.equal(normaliseHost('2001:DB8:0:0:0:0:0:1'), '2001:db8::1')
    assert.equal(normaliseHost('192.0.2.1'), '192.0.2.1')
    assert.equal(normaliseHost('fe80::1%eth0'), 'fe80::1%eth0')
  })
})
