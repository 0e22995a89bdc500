import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { EngineError, type EngineErrorCode } from '../base/errors.ts'
import { PeerList, type PeerListOptions } from './peer-list.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

/** Jitter that is always in the middle: a delay is exactly what it is called. */
const middle = (limit: number): number => limit >>> 1
const listWith = (options: Partial<PeerListOptions> = {}): PeerList => new PeerList({ randomBelow: middle, ...options })
const at = (host: string, port = 6881) => ({ host, port })
const error = (code: EngineErrorCode) => new EngineError(code, 'as the test says')
const hostOf = (list: PeerList, now: number): string | undefined => list.nextToDial(now)?.host

describe('PeerList', () => {
  test('knows an address once, with all its sources', () => {
    const list = listWith()
    assert.equal(list.add(at('10.0.0.1'), 'tracker'), true)
    assert.equal(list.add(at('10.0.0.1'), 'magnet'), false)
    assert.equal(list.add(at('10.0.0.1', 7000), 'tracker'), true)
    assert.equal(list.size, 2)
    assert.deepEqual([...list.get(at('10.0.0.1'))!.sources], ['tracker', 'magnet'])
  })

  test('keeps no address that cannot be dialled', () => {
    const list = listWith()
    for (const endpoint of [at('10.0.0.1', 0), at('10.0.0.1', 65536), at('10.0.0.1', 1.5), at('')]) {
      assert.equal(list.add(endpoint, 'tracker'), false)
    }
  })

  test('does not offer an address that is being dialled or connected', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    list.onDialling(at('10.0.0.1'), 0)
    assert.equal(hostOf(list, 0), undefined)
    list.onConnected(at('10.0.0.1'), 1)
    assert.equal(hostOf(list, 1), undefined)
    assert.equal(list.get(at('10.0.0.1'))?.isConnected, true)
  })

  test('waits twice as long after each failure, half an hour at most', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    const waits: number[] = []
    let now = 0
    for (let attempt = 0; attempt < 11; attempt++) {
      list.onDialling(at('10.0.0.1'), now)
      list.onFailed(at('10.0.0.1'), now, error('NETWORK_TIMEOUT'))
      const { retryAt } = list.get(at('10.0.0.1'))!
      assert.equal(hostOf(list, retryAt - 1), undefined)
      assert.equal(hostOf(list, retryAt), '10.0.0.1')
      waits.push((retryAt - now) / SECOND)
      now = retryAt
    }
    assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800])
  })

  test('spreads retries by a quarter to either side', () => {
    for (const [randomBelow, expected] of [
      [() => 0, 3_750],
      [(limit: number) => limit - 1, 6_250],
    ] as const) {
      const list = listWith({ randomBelow })
      list.add(at('10.0.0.1'), 'tracker')
      list.onFailed(at('10.0.0.1'), 0, error('NETWORK_TIMEOUT'))
      assert.equal(list.get(at('10.0.0.1'))?.retryAt, expected)
    }
  })

  test('comes back sooner to a peer that was good once', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    list.onConnected(at('10.0.0.1'), 0)
    list.onClosed(at('10.0.0.1'), 10 * MINUTE, error('NETWORK_RESET'))
    assert.equal(list.get(at('10.0.0.1'))?.failures, 0)
    assert.equal(list.get(at('10.0.0.1'))?.retryAt, 10 * MINUTE + 5 * SECOND)
    for (let attempt = 0; attempt < 12; attempt++) list.onFailed(at('10.0.0.1'), 0, error('NETWORK_TIMEOUT'))
    assert.equal(list.get(at('10.0.0.1'))?.retryAt, 5 * MINUTE)
  })

  test('counts a connection that ends at once as a failure', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    for (let attempt = 1; attempt <= 3; attempt++) {
      list.onConnected(at('10.0.0.1'), 0)
      list.onClosed(at('10.0.0.1'), 1 * SECOND, error('NETWORK_RESET'))
      assert.equal(list.get(at('10.0.0.1'))?.failures, attempt)
    }
  })

  test('does not blame an address for what is our own doing', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    for (const code of ['PEER_DUPLICATE', 'PEER_LIMIT', 'CLOSED'] as const) {
      list.onDialling(at('10.0.0.1'), 0)
      list.onFailed(at('10.0.0.1'), 0, error(code))
    }
    assert.equal(list.get(at('10.0.0.1'))?.failures, 0)
    assert.equal(hostOf(list, 1), undefined)
    assert.equal(hostOf(list, 2 * MINUTE), '10.0.0.1')
  })

  test('leaves alone for long what shares another torrent', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    list.onFailed(at('10.0.0.1'), 0, error('PEER_UNKNOWN_TORRENT'))
    assert.equal(list.get(at('10.0.0.1'))?.retryAt, 30 * MINUTE)
  })

  test('prefers what somebody typed in, then fewer failures, then what was never tried', () => {
    const list = listWith()
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) list.add(at(host), 'tracker')
    list.add(at('10.0.0.4'), 'manual')
    for (const host of ['10.0.0.4', '10.0.0.1', '10.0.0.1']) list.onFailed(at(host), 0, error('NETWORK_TIMEOUT'))
    list.onDialling(at('10.0.0.2'), 0)
    list.onFailed(at('10.0.0.2'), 0, error('PEER_LIMIT'))
    const now = 10 * MINUTE
    const order: (string | undefined)[] = []
    for (let dial = 0; dial < 5; dial++) {
      const next = list.nextToDial(now)
      order.push(next?.host)
      if (next !== undefined) list.onDialling(next, now)
    }
    assert.deepEqual(order, ['10.0.0.4', '10.0.0.3', '10.0.0.2', '10.0.0.1', undefined])
  })

  test('lets BEP 40 decide between equals once our address is known', () => {
    const list = listWith()
    // The second has the priority 0xec2d7224, the first 0x99568189.
    list.add(at('123.213.32.234'), 'tracker')
    list.add(at('98.76.54.32'), 'tracker')
    list.setOurEndpoint(at('123.213.32.10'))
    assert.equal(hostOf(list, 0), '98.76.54.32')
  })

  test('does not dial seeds when we have everything ourselves', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    list.onConnected(at('10.0.0.1'), 0)
    list.setSeed(at('10.0.0.1'), true)
    list.onClosed(at('10.0.0.1'), 5 * MINUTE)
    assert.equal(list.nextToDial(10 * MINUTE, { skipSeeds: true }), undefined)
    assert.equal(hostOf(list, 10 * MINUTE), '10.0.0.1')
  })

  test('never dials ourselves again', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    list.onSelf(at('10.0.0.1'))
    assert.equal(list.add(at('10.0.0.1'), 'tracker'), false)
    assert.equal(hostOf(list, 0), undefined)
  })

  test('an incoming connection can be dialled where it says that it listens, once it is over', () => {
    const list = listWith()
    list.onConnected(at('10.0.0.1', 50_123), 0)
    assert.equal(list.size, 0)
    list.onReachableAt(at('10.0.0.1', 50_123), 6881)
    assert.equal(hostOf(list, 0), undefined)
    assert.equal(list.get(at('10.0.0.1'))?.isConnected, true)
    list.onClosed(at('10.0.0.1', 50_123), 2 * MINUTE)
    assert.equal(hostOf(list, 3 * MINUTE), '10.0.0.1')
  })

  test('an address is taken until the last of its connections has ended', () => {
    const list = listWith()
    list.add(at('10.0.0.1'), 'tracker')
    list.onConnected(at('10.0.0.1'), 0)
    list.onConnected(at('10.0.0.1', 50_123), 0)
    list.onReachableAt(at('10.0.0.1', 50_123), 6881)
    assert.equal(list.connectionCountOf('10.0.0.1'), 2)
    list.onClosed(at('10.0.0.1'), 2 * MINUTE, error('PEER_DUPLICATE'))
    assert.equal(hostOf(list, 3 * MINUTE), undefined)
    list.onClosed(at('10.0.0.1', 50_123), 2 * MINUTE)
    assert.equal(hostOf(list, 3 * MINUTE), '10.0.0.1')
    assert.equal(list.connectionCountOf('10.0.0.1'), 0)
  })

  test('a banned peer is refused by endpoint and by peer id, its neighbours are not', () => {
    const list = listWith()
    const liar = new Uint8Array(20).fill(7)
    list.add(at('10.0.0.1'), 'tracker')
    list.ban(at('10.0.0.1'), liar)
    assert.equal(list.isBanned(at('10.0.0.1')), true)
    assert.equal(list.isBanned(at('192.168.0.1', 5), liar), true)
    assert.equal(list.isBanned(at('10.0.0.1', 7000)), false)
    assert.equal(list.add(at('10.0.0.1'), 'tracker'), false)
    assert.equal(list.size, 0)
  })

  test('a banned incoming peer is banned where it listens too', () => {
    const list = listWith()
    list.onConnected(at('10.0.0.1', 50_123), 0)
    list.onReachableAt(at('10.0.0.1', 50_123), 6881)
    list.ban(at('10.0.0.1', 50_123))
    list.onClosed(at('10.0.0.1', 50_123), 1, error('PEER_BANNED'))
    assert.equal(list.isBanned(at('10.0.0.1')), true)
    assert.equal(hostOf(list, 30 * MINUTE), undefined)
  })

  test('an address that was banned often enough is refused as a whole', () => {
    const list = listWith({ bansPerAddress: 2 })
    for (const port of [1, 2, 3]) list.add(at('10.0.0.1', port), 'tracker')
    list.ban(at('10.0.0.1', 1))
    assert.equal(list.isBanned(at('10.0.0.1', 3)), false)
    list.ban(at('10.0.0.1', 2))
    assert.equal(list.isBanned(at('10.0.0.1', 3)), true)
    assert.equal(list.size, 0)
  })

  test('a full list makes room by forgetting the worst, but not for strangers when nothing is known to be bad', () => {
    const list = listWith({ maxPeers: 3 })
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) list.add(at(host), 'tracker')
    assert.equal(list.add(at('10.0.0.4'), 'peer-exchange'), false)
    list.onFailed(at('10.0.0.2'), 0, error('NETWORK_TIMEOUT'))
    assert.equal(list.add(at('10.0.0.4'), 'peer-exchange'), true)
    assert.equal(list.get(at('10.0.0.2')), undefined)
    assert.equal(list.add(at('10.0.0.5'), 'manual'), true)
    assert.equal(list.size, 3)
  })

  test('connected addresses take no places from others', () => {
    const list = listWith({ maxPeers: 1 })
    for (const host of ['10.0.0.1', '10.0.0.2']) {
      list.onConnected(at(host, 4000), 0)
      list.onReachableAt(at(host, 4000), 6881)
    }
    assert.equal(list.size, 2)
    assert.equal(list.add(at('10.0.0.3'), 'tracker'), true)
    assert.equal(list.add(at('10.0.0.4'), 'tracker'), false)
    list.onClosed(at('10.0.0.1', 4000), 120 * SECOND)
    assert.equal(list.size, 2)
  })

  test('stays bounded and consistent whatever happens', () => {
    const endpoint = fc.record({ host: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'), port: fc.integer({ min: 1, max: 4 }) })
    const step = fc.tuple(fc.constantFrom('add', 'dial', 'connect', 'reach', 'fail', 'close', 'ban', 'self'), endpoint)
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const list = listWith({ maxPeers: 5, bansPerAddress: 4 })
        let now = 0
        for (const [what, where] of steps) {
          now += 7 * SECOND
          list.nextToDial(now - 1)
          if (what === 'add') list.add(where, 'tracker')
          else if (what === 'dial') list.onDialling(where, now)
          else if (what === 'connect') list.onConnected(where, now)
          else if (what === 'reach') list.onReachableAt(where, 9)
          else if (what === 'fail') list.onFailed(where, now, error('NETWORK_TIMEOUT'))
          else if (what === 'close') list.onClosed(where, now)
          else if (what === 'ban') list.ban(where)
          else list.onSelf(where)
          assert.ok([...list.peers()].filter((peer) => !peer.isConnected).length <= 5)
          const next = list.nextToDial(now, { skipSeeds: now % 2 === 0 })
          const mayBeDialled = [...list.peers()].some((peer) => !peer.isDialling && !peer.isConnected && peer.retryAt <= now)
          assert.equal(next !== undefined, mayBeDialled)
          if (next === undefined) continue
          assert.equal(next.isDialling || next.isConnected, false)
          assert.equal(list.isBanned(next), false)
          assert.ok(next.retryAt <= now)
          assert.equal(list.get(next), next)
        }
      }),
    )
  })
})
