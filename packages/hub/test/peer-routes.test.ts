import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FilePage, PeerEntry, Ping } from '@shoal/api/hub-api'
import type { Problem } from '@shoal/api/problem'
import { PeerPings } from '../src/control/peer-ping.ts'
import { type HostFiles, peerRoutes } from '../src/http/peer-routes.ts'
import { listeningPort, type OpenChannel, openChannel, TestPeer, until } from './control-fakes.ts'

const FILES: HostFiles = {
  countsOf: async (hostIds) => new Map(hostIds.map((id, at) => [id, at + 1])),
  filesOf: async (hostId): Promise<FilePage> => ({ items: [], nextCursor: hostId }),
}

function openPeers(): Promise<OpenChannel> {
  return openChannel((channel, hosts, system) => peerRoutes(channel, new PeerPings(channel, hosts, system), FILES))
}

async function ping(hub: OpenChannel, body: object, headers: Record<string, string> = {}): Promise<Ping & Problem> {
  const answer = await fetch(`${hub.url}/v1/pings`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
  return (await answer.json()) as Ping & Problem
}

describe('the routes of peers', () => {
  test('list who is connected, with addresses, for members only', async () => {
    await using hub = await openPeers()
    using _an = await TestPeer.join(hub, 'an', { headers: { authorization: 'Bearer member' } })
    using _binh = await TestPeer.join(hub, 'binh', { port: 6882 })
    const { items } = (await (await fetch(`${hub.url}/v1/peers`)).json()) as { items: PeerEntry[] }
    assert.deepEqual(
      items.map((peer) => ({ ...peer, connectedAt: 0 })),
      [
        { id: 'host-1', name: 'an', ip: '127.0.0.1', port: 6881, version: 'test 1', files: 1, account: 'member', connectedAt: 0 },
        { id: 'host-2', name: 'binh', ip: '127.0.0.1', port: 6882, version: 'test 1', files: 2, connectedAt: 0 },
      ],
    )
    for (const path of ['/v1/peers', '/v1/peers/host-1/files']) {
      assert.equal((await fetch(hub.url + path, { headers: { authorization: 'Bearer guest' } })).status, 403)
    }
    assert.deepEqual(await (await fetch(`${hub.url}/v1/peers/host-1/files?limit=3`)).json(), { items: [], nextCursor: 'host-1' })
  })

  test('ping measures there and back, and whether the port takes connections', async () => {
    await using hub = await openPeers()
    await using open = await listeningPort()
    const { port: closed } = await (async () => {
      await using gone = await listeningPort()
      return { port: gone.port }
    })()
    using _an = await TestPeer.join(hub, 'an', { port: open.port })
    using _binh = await TestPeer.join(hub, 'binh', { port: closed })
    const an = await ping(hub, { ip: '127.0.0.1', port: open.port })
    assert.ok(an.roundTripMs > 0 && an.roundTripMs < 2_000 && (an.connectMs ?? 0) > 0, JSON.stringify(an))
    assert.deepEqual([an.peer.name, an.isReachable, an.reachability], ['an', true, 'takes connections'])
    const binh = await ping(hub, { ip: '::ffff:127.0.0.1', port: closed })
    assert.deepEqual([binh.peer.name, binh.isReachable, binh.reachability], ['binh', false, 'refused: nothing listens there'])
  })

  test('ping refuses oneself, tells gone from unknown, and dials no address that a peer has not come from', async () => {
    await using hub = await openPeers()
    using an = await TestPeer.join(hub, 'an', { headers: { authorization: 'Bearer member' } })
    using _proxied = await TestPeer.join(hub, 'proxied', { port: 22, headers: { 'x-forwarded-for': '198.51.100.7' } })
    const address = { ip: '127.0.0.1', port: 6881 }
    assert.equal((await ping(hub, address, { 'x-shoal-host': 'host-1' })).code, 'PING_SELF')
    assert.equal((await ping(hub, address, { authorization: 'Bearer member' })).code, 'PING_SELF')
    assert.equal((await ping(hub, address, { authorization: 'Bearer owner' })).peer.name, 'an')
    assert.equal((await ping(hub, { ip: '127.0.0.1', port: 1 })).code, 'NOT_FOUND')
    assert.equal((await ping(hub, { ip: 'localhost', port: 1 })).code, 'VALIDATION')
    assert.equal((await ping(hub, { ip: '127.0.0.1', port: 0 })).code, 'VALIDATION')
    assert.match((await ping(hub, { ip: '127.0.0.1', port: 22 })).reachability, /^not tried/)
    an.socket.terminate()
    await until(() => hub.channel.presence.size === 1)
    assert.equal((await ping(hub, address)).code, 'PEER_GONE')
  })
})
