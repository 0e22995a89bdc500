/** What the hub's tracker reads besides announces: its own file, and what proxies and peers write around a request. */

import { crc32 } from 'node:zlib'
import { SenderAddress } from '@shoal/door/sender-address'
import { concatBytes, fromLatin1, latin1, setUint32 } from '@shoal/protocol/bytes'
import { DEFAULT_PEER_STORE_OPTIONS, PeerStore } from '../../../packages/hub/src/tracker/peer-store.ts'
import { readPlainRequest } from '../../../packages/hub/src/tracker/plain-request.ts'
import { restoreSnapshot, SnapshotError, snapshotSlices } from '../../../packages/hub/src/tracker/swarm-snapshot.ts'
import { trackerPathOf } from '../../../packages/hub/src/tracker/tracker-path.ts'
import { expect, expectEqual, type FuzzTarget } from '../target.ts'

const WALL_CLOCK = 1_700_000_000_000
const OPTIONS = { ...DEFAULT_PEER_STORE_OPTIONS, maxSwarms: 20, maxPeers: 100 }

function emptyStore(): PeerStore {
  return new PeerStore(OPTIONS, {
    now: () => 1e9,
    wallClock: () => WALL_CLOCK,
    randomBytes: (length) => new Uint8Array(length),
    randomBelow: () => 0,
  })
}

function snapshotOf(store: PeerStore): Uint8Array {
  return concatBytes(Array.from(snapshotSlices(store, WALL_CLOCK), (slice) => slice.slice()))
}

function filledStore(): PeerStore {
  const store = emptyStore()
  for (let id = 0; id < 12; id++) {
    const swarm = store.findOrCreate(new Uint8Array(20).fill(id % 3))!
    store.add(swarm, Uint8Array.of(10, 0, 0, id, 0, 80), id % 2 === 0 ? 'seed' : 'leech', false)
    store.add(swarm, Uint8Array.of(0x20, 1, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, id, 0, 80), 'partial', false, id)
    swarm.downloaded = id
  }
  return store
}

export const hubSnapshot: FuzzTarget = {
  name: 'hub-snapshot',
  grammar: 'bytes',
  tokens: [Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(2, 4, 0, 1), Uint8Array.of(2, 6, 0, 1), fromLatin1('SHOALSWM')],
  maxBytes: 3_000,
  refusals: 'none',
  corpus: () => [snapshotOf(emptyStore()), snapshotOf(filledStore())],
  mend(input, random) {
    if (input.length < 4 || random.below(4) === 0) return input
    const mended = input.slice()
    setUint32(mended, mended.length - 4, crc32(mended.subarray(0, mended.length - 4)))
    return mended
  },
  run(input) {
    const store = emptyStore()
    try {
      const { peers, swarms } = restoreSnapshot(input, store, WALL_CLOCK + 60_000)
      expectEqual([store.peerCount, store.swarmCount <= OPTIONS.maxSwarms], [peers, true], 'what was restored')
      // What was taken in can be written, and is the same then.
      const again = emptyStore()
      const { peers: peersAgain } = restoreSnapshot(snapshotOf(store), again, WALL_CLOCK)
      expectEqual(peersAgain, peers, 'what was restored from what was restored')
      return peers > 0 ? 'peers' : swarms > 0 ? 'swarms' : 'nothing'
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error
      expectEqual(store.swarmCount, 0, 'swarms of a refused snapshot')
      return error.message.replace(/\d+/g, 'N')
    }
  },
}

export const hubRequest: FuzzTarget = {
  name: 'hub-request',
  grammar: 'bytes',
  tokens: [
    '\r\n',
    ': ',
    'GET /',
    ' HTTP/1.1\r\n',
    'host: h\r\n',
    'connection: close\r\n',
    'te: x\r\n',
    '/a/',
    '/announce',
    '/scrape',
    '\r\n\r\n',
  ].map(fromLatin1),
  maxBytes: 2_000,
  refusals: 'none',
  corpus: () =>
    [
      'GET /announce?x=1 HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n',
      'GET /a/abcdefgh/announce HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n',
      'POST /announce HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n',
    ].map(fromLatin1),
  run(input) {
    const text = latin1(input)
    const request = readPlainRequest(text, 0)
    if (request === undefined) return 'for the other reader'
    const head = text.slice(0, request.end)
    expect(head.endsWith('\r\n\r\n') && head.indexOf('\r\n\r\n') === head.length - 4, 'it ends where its header does')
    expect(/^[!-~]+$/.test(request.target), 'its target is plain')
    expect(/^[\t\r\n -~]*$/.test(head) && !/[^\r]\n|\r[^\n]/.test(head), 'its lines are plain')
    expect(!/\n(content-length|transfer-encoding|upgrade|expect)\s*:/i.test(head), 'it has no body and wants no other protocol')
    const [path = ''] = request.target.split('?', 1)
    return trackerPathOf(path)?.action ?? 'another path'
  },
}

const PROXIES = new SenderAddress({ trustedProxies: ['10.0.0.0/8', '::1'], addressFrom: [] })

export const hubForwarded: FuzzTarget = {
  name: 'hub-forwarded',
  grammar: 'bytes',
  tokens: [', ', '10.0.0.1', '192.0.2.1', '[2001:db8::1]:80', '::1', ':80', '::ffff:'].map(fromLatin1),
  maxBytes: 1_000,
  refusals: 'none',
  corpus: () => ['192.0.2.1', '6.6.6.6, 192.0.2.1:80, 10.1.1.1', '[2001:db8::1], ::1'].map(fromLatin1),
  run(input) {
    const text = latin1(input)
    const stranger = Uint8Array.of(203, 0, 113, 1)
    expectEqual(PROXIES.behind(stranger, text), stranger, 'a stranger is who it is')
    const sender = PROXIES.behind(Uint8Array.of(10, 0, 0, 1), text)
    expect(sender.length === 4 || sender.length === 16, 'an address')
    return PROXIES.isProxy(sender) ? 'a proxy' : `IPv${sender.length}`
  },
}
