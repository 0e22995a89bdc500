import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BencodeDictionary, decodeBencode } from '@shoal/protocol/bencode'
import { encodeUtf8, latin1 } from '@shoal/protocol/bytes'
import { madeTorrent } from '../../test/made-torrent.ts'
import { lookAlikeHost } from './look-alike.ts'
import { tailorTorrent } from './tailored-torrent.ts'

const HUB = ['http://hub.example/a/key1/announce', 'udp://hub.example:6880/a/key1/announce']

describe('tailored torrent', () => {
  test('has the trackers of the hub, and no others', () => {
    const torrent = madeTorrent({ trackers: [['http://elsewhere.example/announce'], ['udp://elsewhere.example:1']], comment: 'made by An' })
    const tailored = tailorTorrent(torrent.bytes, HUB)
    assert.doesNotMatch(latin1(tailored), /elsewhere/)
    const outer = decodeBencode(tailored)
    assert.ok(outer instanceof BencodeDictionary)
    assert.equal(latin1(outer.getBytes('announce')!), HUB[0])
    assert.equal(latin1(outer.getList('announce-list')!.raw), `ll${HUB[0]!.length}:${HUB[0]}el${HUB[1]!.length}:${HUB[1]}ee`)
    assert.equal(latin1(outer.getBytes('comment')!), 'made by An')
  })

  test('has the info dictionary to the byte, also one that no writer of ours would write', () => {
    const infoRaw = encodeUtf8('d6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa5:weirdd1:ai-7e1:bleee')
    const bytes = encodeUtf8(`d8:announce3:abc4:info${latin1(infoRaw)}5:nodesll9:127.0.0.1i1eee1:zi99999999999999999999ee`)
    const tailored = latin1(tailorTorrent(bytes, [HUB[0]!]))
    assert.equal(tailored, `d8:announce${HUB[0]!.length}:${HUB[0]}4:info${latin1(infoRaw)}1:zi99999999999999999999ee`)
  })

  test('without trackers it has none', () => {
    assert.doesNotMatch(latin1(tailorTorrent(madeTorrent({ trackers: [['http://a.example']] }).bytes, [])), /announce/)
  })
})

describe('hosts that look like others', () => {
  for (const [url, isOne] of [
    ['http://hub.example/announce', false],
    ['udp://192.168.1.2:6880', false],
    ['http://[fe80::1]:80/announce', false],
    ['http://hub.example/xn--path', false],
    ['http://xn--a.example/', true],
    ['HTTP://a.XN--b.example/', true],
    ['http://hüb.example/', true],
    ['udp://h%C3%BCb.example:1', true],
    ['http://user@xn--a.example/', true],
  ] as const) {
    test(`${url}: ${isOne}`, () => assert.equal(lookAlikeHost([url]) !== undefined, isOne))
  }
})
