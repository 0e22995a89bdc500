import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProtocolError } from '../errors.ts'
import { parseTrackerUrl } from './tracker-url.ts'

describe('parseTrackerUrl', () => {
  test('takes a URL apart', () => {
    const is = (text: string, scheme: string, host: string, port: number, pathAndQuery: string) =>
      assert.deepEqual(parseTrackerUrl(text), { scheme, host, port, pathAndQuery })
    is('http://Tracker.Example/announce', 'http', 'tracker.example', 80, '/announce')
    is('https://tracker.example/a?b=c#d', 'https', 'tracker.example', 443, '/a?b=c')
    is('udp://127.0.0.1:6880', 'udp', '127.0.0.1', 6880, '')
    is('UDP://[::1]:6880/announce?key=1', 'udp', '::1', 6880, '/announce?key=1')
    is('http://host:81?x=1', 'http', 'host', 81, '/?x=1')
  })

  test('refuses what is none', () => {
    const wrong = [
      '',
      'announce',
      'ftp://host/',
      'http:/host',
      'http://',
      'udp://host',
      'udp://host:0',
      'udp://host:65536',
      'http://host:x/',
    ]
    wrong.push('http://user:secret@host/', 'http://ho st/', 'http://host/\n', 'wss://host/', 'http://[zz]/', `http://${'x'.repeat(3000)}/`)
    for (const text of wrong) {
      assert.throws(
        () => parseTrackerUrl(text),
        (error) => error instanceof ProtocolError && error.code === 'TRACKER_URL',
        text.slice(0, 40),
      )
    }
  })
})
