import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import { fileNumbers, peer, pieceLength, port, rate, trackerUrl, webSeedUrl } from './option-values.ts'

describe('option values', () => {
  test('are read as people write them', () => {
    assert.equal(port('6881'), 6881)
    assert.equal(port('0'), 0)
    assert.equal(pieceLength('262144'), 262_144)
    assert.equal(pieceLength('256KiB'), 262_144)
    assert.equal(pieceLength('1 MiB'), 1_048_576)
    assert.equal(rate('5MB'), 5_000_000)
    assert.equal(rate('500KB/s'), 500_000)
    assert.deepEqual(peer('[::1]:6881', peer('host.example:80')), [
      { host: 'host.example', port: 80 },
      { host: '::1', port: 6881 },
    ])
    assert.deepEqual(trackerUrl('udp://127.0.0.1:6880', ['http://a/announce']), ['http://a/announce', 'udp://127.0.0.1:6880'])
    assert.deepEqual(webSeedUrl('https://a.example/files/'), ['https://a.example/files/'])
  })

  test('file numbers count from 1 and come sorted, once each', () => {
    assert.deepEqual(fileNumbers('1,3-5'), [0, 2, 3, 4])
    assert.deepEqual(fileNumbers('5, 1-2 ,2'), [0, 1, 4])
  })

  const refused: readonly (readonly [(text: string) => unknown, readonly string[]])[] = [
    [port, ['', '-1', '65536', '1.5', '0x10', '80a']],
    [pieceLength, ['', '0', '1000', '8KiB', '256MiB', '1M', '3MiB', 'big']],
    [rate, ['', '0', '-1MB', 'fast', '0.0001B']],
    [fileNumbers, ['', '0', '1,', 'a', '3-1', '1--2', '1-99999999', '-1']],
    [peer, ['', 'host', 'host:', 'host:0', 'host:65536', '::1:6881', 'a b:1', 'http://x:1']],
    [trackerUrl, ['', 'example.com', 'ftp://a/b', 'javascript:alert(1)', 'file:///etc/passwd']],
    [webSeedUrl, ['udp://a:1', 'x']],
  ]
  for (const [read, texts] of refused) {
    for (const text of texts) {
      test(`${read.name} refuses "${text}"`, () => {
        assert.throws(() => read(text), InvalidArgumentError)
      })
    }
  }
})
