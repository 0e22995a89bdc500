import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { ProblemError } from '@shoal/api/problem'
import { OriginGuard } from './origin-guard.ts'

function requestOf(headers: Record<string, string>): IncomingMessage {
  return { headers } as unknown as IncomingMessage
}

function isRefused(check: () => void): boolean {
  try {
    check()
    return false
  } catch (error) {
    assert.ok(error instanceof ProblemError && error.code === 'FOREIGN_ORIGIN')
    return true
  }
}

describe('OriginGuard', () => {
  test('with a list of names answers under no other, on any address', () => {
    const guard = new OriginGuard('class.example:8443', ['hub.lan'], { name: 'hub' })
    const isOff = (host: string) => isRefused(() => guard.checkHost(requestOf({ host }), false))
    for (const host of ['class.example', 'class.example.', 'Hub.LAN:80', '192.0.2.1', '[2001:db8::1]:6880', 'localhost']) {
      assert.equal(isOff(host), false, host)
    }
    for (const host of ['evil.example', 'hub.lan.evil.example', 'class.example:80:80', '']) assert.equal(isOff(host), true, host)
  })

  test('without one looks at names on loopback only', () => {
    const guard = new OriginGuard(undefined, [], { name: 'hub' })
    assert.ok(!isRefused(() => guard.checkHost(requestOf({ host: 'box.example' }), false)))
    assert.ok(isRefused(() => guard.checkHost(requestOf({ host: 'box.example' }), true)))
  })

  test('lets visitors change something under names only that no stranger can own', () => {
    const guard = new OriginGuard('https://class.example'.slice(8), [], { name: 'hub' })
    const isOff = (host: string) => isRefused(() => guard.checkVisitorWrite(requestOf({ host })))
    for (const host of ['192.168.1.5:6880', '[fd00::1]:6880', 'localhost:1', 'box', 'box.local', 'hub.home.arpa', 'class.example']) {
      assert.equal(isOff(host), false, host)
    }
    for (const host of ['evil.example', 'box.local.evil.example', '192.168.1.5.evil.example']) assert.equal(isOff(host), true, host)
  })
})
