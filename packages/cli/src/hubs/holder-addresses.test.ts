import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { holderAddresses, nearestFirst } from './holder-addresses.ts'

const host = (id: string, ip?: string, port = 6881) => ({ id, name: id, isOnline: true, ...(ip !== undefined && { ip, port }) })

describe('the addresses of holders', () => {
  test('are those of others, each once', () => {
    const own = { hostId: 'me', ip: '10.0.0.1', hubUrl: 'http://10.0.0.9:6880' }
    const hosts = [host('me', '10.0.0.1'), host('a', '10.0.0.2'), host('a2', '::ffff:10.0.0.2'), host('hidden'), host('b', 'fe80::1', 1)]
    assert.deepEqual(holderAddresses(hosts, own), [
      { host: '10.0.0.2', port: 6881 },
      { host: 'fe80::1', port: 1 },
    ])
  })

  test('on the machine of the hub are the hub’s, unless we are there, too', () => {
    const hosts = [host('a', '127.0.0.1', 6882)]
    const there = { hostId: 'me', ip: '192.168.1.7', hubUrl: 'http://192.168.1.88:6880' }
    assert.deepEqual(holderAddresses(hosts, there), [{ host: '192.168.1.88', port: 6882 }])
    assert.deepEqual(holderAddresses(hosts, { ...there, hubUrl: 'https://class.example' }), [])
    assert.deepEqual(holderAddresses(hosts, { ...there, ip: '127.0.0.1' }), [{ host: '127.0.0.1', port: 6882 }])
  })

  test('are tried from the nearest to the farthest; whoever does not answer comes last', async () => {
    const times: Record<string, number | undefined> = { far: 80, near: 2, silent: undefined, middle: 9 }
    const holders = ['far', 'silent', 'near', 'middle'].map((name) => ({ host: name, port: 1 }))
    const sorted = await nearestFirst(holders, async ({ host: name }) => times[name])
    assert.deepEqual(
      sorted.map((holder) => holder.host),
      ['near', 'middle', 'far', 'silent'],
    )
  })
})
