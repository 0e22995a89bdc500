import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeUtf8 } from '@shoal/protocol/bytes'
import { type AnnounceRequest, isTrackerFailure } from '@shoal/protocol/tracker/announce'
import type { EngineError } from '../base/errors.ts'
import type { HttpRequest, HttpResponse, Network } from '../ports/network.ts'
import { announceOverHttp, scrapeOverHttp } from './http-tracker.ts'

const REQUEST: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(0xab),
  peerId: encodeUtf8('-SH0100-abcdefghijkl'),
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  event: 'started',
}
const QUESTION = { timeoutMs: 15_000 }

function networkThat(answer: (request: HttpRequest) => HttpResponse): Network {
  return { get: (request: HttpRequest) => Promise.resolve().then(() => answer(request)) } as unknown as Network
}

function saying(text: string, status = 200): Network {
  return networkThat(() => ({ status, body: encodeUtf8(text) }))
}

function withCode(code: string): (error: EngineError) => boolean {
  return (error) => error.code === code
}

describe('announceOverHttp', () => {
  test('asks with a bound on time and bytes, and reads the answer', async () => {
    let asked: HttpRequest | undefined
    const network = networkThat((request) => {
      asked = request
      return { status: 200, body: encodeUtf8('d8:intervali900e5:peers6:\u0001\u0002\u0003\u0004\u001a\u0001e') }
    })
    const reply = await announceOverHttp(network, 'http://tracker.test/announce?passkey=secret', REQUEST, { ...QUESTION, family: 4 })
    assert.ok(!isTrackerFailure(reply))
    assert.equal(reply.intervalSeconds, 900)
    assert.deepEqual(reply.peers, [{ host: '1.2.3.4', port: 6657 }])
    assert.match(asked!.url, /^http:\/\/tracker\.test\/announce\?passkey=secret&info_hash=%AB.*event=started/)
    assert.equal(asked!.timeoutMs, 15_000)
    assert.equal(asked!.maxBytes, 1 << 20)
    assert.equal(asked!.family, 4)
  })

  test('gives back what the tracker says when it says no, whatever its status', async () => {
    for (const status of [200, 400, 503]) {
      const reply = await announceOverHttp(
        saying('d14:failure reason4:nope8:retry ini5ee', status),
        'http://t.test/announce',
        REQUEST,
        QUESTION,
      )
      assert.deepEqual(reply, { failureReason: 'nope', retryInSeconds: 300 })
    }
  })

  test('calls garbage what it is, without the secrets of the URL', async () => {
    for (const [text, status] of [
      ['<html>hello</html>', 200],
      ['', 200],
      ['<html>not found</html>', 404],
      ['d8:intervali900e5:peers0:e', 500],
      ['d5:peers7:1234567e', 200],
    ] as const) {
      await assert.rejects(
        announceOverHttp(saying(text, status), 'http://t.test/announce?passkey=secret', REQUEST, QUESTION),
        (error: EngineError) => {
          assert.equal(error.code, 'TRACKER_INVALID_RESPONSE')
          assert.match(error.message, /t\.test/)
          assert.doesNotMatch(error.message, /secret/)
          if (status !== 200) assert.match(error.message, new RegExp(String(status)))
          return true
        },
      )
    }
  })
})

describe('scrapeOverHttp', () => {
  test('asks where BEP 48 says and reads the counts', async () => {
    let asked = ''
    const hash = '\u0001'.repeat(20)
    const network = networkThat((request) => {
      asked = request.url
      return { status: 200, body: encodeUtf8(`d5:filesd20:${hash}d8:completei3e10:downloadedi9e10:incompletei1eeee`) }
    })
    const entries = await scrapeOverHttp(network, 'http://t.test/x/announce?k=1', [new Uint8Array(20).fill(1)], QUESTION)
    assert.deepEqual(entries, [{ infoHash: new Uint8Array(20).fill(1), complete: 3, downloaded: 9, incomplete: 1 }])
    assert.match(asked, /^http:\/\/t\.test\/x\/scrape\?k=1&info_hash=/)
  })

  test('says so when a tracker cannot be scraped', async () => {
    await assert.rejects(scrapeOverHttp(saying(''), 'http://t.test/a', [new Uint8Array(20)], QUESTION), withCode('TRACKER_URL_REFUSED'))
  })
})
