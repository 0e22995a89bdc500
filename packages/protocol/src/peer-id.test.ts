import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, latin1 } from './bytes.ts'
import { clientName, makePeerId } from './peer-id.ts'

describe('makePeerId', () => {
  test('has the prefix and a printable rest', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 12 }), (random) => {
        assert.match(latin1(makePeerId('-SH0100-', random)), /^-SH0100-[A-Za-z0-9_-]{12}$/)
      }),
    )
  })
  test('differs with the random bytes, and takes no fewer than it needs', () => {
    assert.notDeepEqual(makePeerId('-SH0100-', new Uint8Array(12)), makePeerId('-SH0100-', new Uint8Array(12).fill(1)))
    assert.throws(() => makePeerId('-SH0100-', new Uint8Array(11)), /Cannot happen/)
  })
})

describe('clientName', () => {
  const KNOWN: [peerId: string, name: string][] = [
    ['-SH0100-abcdefghijkl', 'Shoal 0.1.0'],
    ['-qB4600-abcdefghijkl', 'qBittorrent 4.6.0'],
    ['-qB5123-abcdefghijkl', 'qBittorrent 5.1.2.3'],
    ['-TR2940-abcdefghijkl', 'Transmission 2.94'],
    ['-TR300Z-abcdefghijkl', 'Transmission 3.00'],
    ['-TR4050-abcdefghijkl', 'Transmission 4.0.5'],
    ['-LT2080-abcdefghijkl', 'libtorrent 2.0.8'],
    ['-lt0D80-abcdefghijkl', 'rTorrent 0.13.8'],
    ['-UT3550-abcdefghijkl', 'µTorrent 3.5.5'],
    ['-DE211s-abcdefghijkl', 'Deluge 2.1.1.28'],
    ['-AZ5750-abcdefghijkl', 'Vuze 5.7.5'],
    ['-WW0208-abcdefghijkl', 'WebTorrent 0.2.0.8'],
    ['A2-1-36-0-abcdefghij', 'aria2 1.36.0'],
    ['M7-10-5--abcdefghijk', 'BitTorrent 7.10.5'],
    ['M4-3-6--abcdefghijkl', 'BitTorrent 4.3.6'],
    ['Q1-10-0-abcdefghijkl', 'Queen Bee 1.10.0'],
    ['S58B-----abcdefghijk', "Shadow's client 5.8.11"],
    ['T03I-----abcdefghijk', 'BitTornado 0.3.18'],
    ['-ML2.7.2-abcdefghijk', 'MLdonkey 2.7.2'],
    ['XBT054d-abcdefghijkl', 'XBT Client 0.5.4'],
    ['exbc\x00\x38LORDabcdefghij', 'BitLord 0.56'],
    ['exbc\x00\x46abcdefghijklmn', 'BitComet 0.70'],
  ]
  for (const [peerId, name] of KNOWN) {
    test(`calls ${JSON.stringify(peerId)} ${name}`, () => assert.equal(clientName(fromLatin1(peerId)), name))
  }

  test('quotes what is readable of others', () => {
    assert.equal(clientName(fromLatin1('-ZZ0001-\x00\x1b[31m\xff  abc')), '"-ZZ0001-[31m abc"')
    assert.equal(clientName(new Uint8Array(20)), 'unknown')
    assert.equal(clientName(new Uint8Array(0)), 'unknown')
  })

  test('is short and harmless, whatever the id', () => {
    const start = fc.constantFrom('', '-qB', '-TR', 'M7-', 'S', 'exbc', '-ML', 'XBT', 'A2-')
    fc.assert(
      fc.property(start, fc.uint8Array({ minLength: 20, maxLength: 20 }), (prefix, bytes) => {
        const name = clientName(fromLatin1(prefix + latin1(bytes)).subarray(0, 20))
        assert.match(name, /^[^\p{C}]{1,60}$/u)
        assert.ok(!name.includes('NaN'), name)
      }),
      { numRuns: 1000 },
    )
  })
})
