import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readPlainRequest } from './plain-request.ts'

const GET = 'GET /announce?x=1 HTTP/1.1\r\nHost: h\r\n'

describe('a plain request', () => {
  test('is a whole GET with nothing but plain headers', () => {
    const whole = `${GET}User-Agent: x/1\r\nAccept-Encoding: gzip\r\n\r\n`
    assert.deepEqual(readPlainRequest(`${whole}GET`, 0), {
      target: '/announce?x=1',
      end: whole.length,
      keepAlive: true,
      forwardedFor: undefined,
    })
    assert.equal(readPlainRequest(`....${GET}Connection: close\r\n\r\n`, 4)?.keepAlive, false)
    assert.equal(readPlainRequest(`${GET}X-Forwarded-For: 1.2.3.4\r\n\r\n`, 0)?.forwardedFor, ' 1.2.3.4')
    assert.equal(readPlainRequest('GET / HTTP/1.0\r\n\r\n', 0)?.keepAlive, false)
    assert.equal(readPlainRequest('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', 0)?.keepAlive, true)
  })

  test('is none when two readers could differ about it', () => {
    const others = [
      `${GET}`,
      `${GET}\r`,
      `POST${GET.slice(3)}\r\n`,
      `HEAD${GET.slice(3)}\r\n`,
      'GET http://h/announce HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET /announce HTTP/1.1\r\n\r\n',
      'GET /announce HTTP/2.0\r\nHost: h\r\n\r\n',
      'GET /announce  HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET /ann ounce HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET /ann\x80 HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET /announce\nHTTP/1.1\r\nHost: h\r\n\r\n',
      'GET /announce HTTP/1.1 \r\nHost: h\r\n\r\n',
      'GET /announce\r\nHost: h\r\n\r\n',
      ...[
        'Host: other',
        'Content-Length: 0',
        'content-length: 5',
        'Transfer-Encoding: chunked',
        'Expect: 100-continue',
        'Upgrade: websocket',
        'TE: trailers',
        'Connection: upgrade',
        'Connection: close\r\nConnection: keep-alive',
        'X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2',
        ' folded: x',
        'X: a\r\n b',
        'No colon',
        ': x',
        'Content-Length : 5',
        'X: a\nContent-Length: 5',
        'X: a\rb',
        'X: \0',
        'X: \x7f',
        'X: \xe4',
        'Ümlaut: x',
      ].map((header) => `${GET}${header}\r\n\r\n`),
      `${GET}X: ${'y'.repeat(17_000)}\r\n\r\n`,
    ]
    for (const text of others) assert.equal(readPlainRequest(text, 0), undefined, JSON.stringify(text))
  })
})
