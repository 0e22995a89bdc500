import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { BencodeDictionary, decodeBencode } from '@shoal/protocol/bencode'
import { latin1 } from '@shoal/protocol/bytes'
import { DEFAULT_HUB_CONFIG } from '../src/config.ts'
import { type Hub, startHub } from '../src/hub.ts'
import { base64 } from './catalogue-world.ts'
import { madeTorrent } from './made-torrent.ts'
import { readXml } from './read-xml.ts'

/** A members-only hub with its state in a folder, and the token of its owner. */
async function membersOnly(t: TestContext): Promise<{ hub: Hub; token: string; start: () => Promise<Hub> }> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-hub-catalogue-'))
  const hubs: Hub[] = []
  t.after(async () => {
    for (const each of hubs) await each.close()
    await rm(folder, { recursive: true })
  })
  const start = async () => {
    const hub = await startHub({ port: 0, stateDirectory: folder, settings: { ...DEFAULT_HUB_CONFIG.settings, visitors: 'none' } })
    hubs.push(hub)
    return hub
  }
  const hub = await start()
  const code = hub.setupLink!.split('#')[1]!
  const owner = await ask(hub, 'POST', '/v1/setup', { body: { code, name: 'An', password: 'correct horse battery' } })
  return { hub, token: owner.json.token as string, start }
}

async function ask(hub: Hub, method: string, path: string, { token, body }: { token?: string; body?: object } = {}) {
  const response = await fetch(path.startsWith('http') ? path : hub.url + path, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const bytes = new Uint8Array(await response.arrayBuffer())
  const isJson = response.headers.get('content-type')?.includes('json') === true
  const json = (isJson ? JSON.parse(Buffer.from(bytes).toString('utf8')) : {}) as Record<string, unknown>
  return { status: response.status, bytes, text: Buffer.from(bytes).toString('utf8'), json }
}

describe('the catalogue of a members-only hub', () => {
  test('a feed leads to a torrent that announces, until its token is taken back', async (t) => {
    const { hub, token } = await membersOnly(t)
    const torrent = madeTorrent({ name: 'Bài giảng 04.mp4' })
    const uploaded = await ask(hub, 'POST', '/v1/files', { token, body: { torrent: base64(torrent.bytes) } })
    assert.equal(uploaded.status, 201, uploaded.text)
    assert.match(String(uploaded.json.warnings), /not private/)
    const made = await ask(hub, 'POST', '/v1/account/tokens', { token, body: { label: 'qBittorrent', scopes: ['feed'] } })
    const key = made.json.token as string

    assert.equal((await ask(hub, 'GET', '/rss')).status, 401)
    assert.equal((await ask(hub, 'GET', `/rss/${token}`)).status, 403)
    const feed = readXml((await ask(hub, 'GET', `/rss/${key}?q=bai+giang`)).text).children[0]!
    const item = feed.children.find(({ name }) => name === 'item')!
    const link = item.children.find(({ name }) => name === 'enclosure')!.attributes.url!
    const download = await ask(hub, 'GET', link)
    const outer = decodeBencode(download.bytes)
    assert.ok(outer instanceof BencodeDictionary && latin1(outer.getDictionary('info')!.raw) === latin1(torrent.infoRaw))
    const announce = latin1(outer.getBytes('announce')!)
    assert.match(announce, /\/a\/[^/]+\/announce$/)
    const parameters = `?info_hash=${[...Buffer.from(torrent.infoHash, 'hex')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}&peer_id=-SH0100-000000000000&port=7000&left=0&uploaded=0&downloaded=0&compact=1&event=started`
    assert.match((await ask(hub, 'GET', announce + parameters)).text, /8:completei1e/)
    assert.match((await ask(hub, 'GET', `${hub.url}/announce${parameters}`)).text, /failure reason/)

    const torznab = await ask(hub, 'GET', `/torznab/api?t=search&q=baigiang&apikey=${key}`)
    assert.match(torznab.text, /name="seeders" value="[01]"/)
    assert.doesNotMatch(torznab.text, /magneturl|announce/)
    const peers = await ask(hub, 'GET', `/peers?info_hash=${torrent.infoHash}`, { token })
    assert.deepEqual(peers.json.peers, [{ ip: '127.0.0.1', port: 7000 }])

    assert.equal((await ask(hub, 'DELETE', `/v1/account/tokens/${String(made.json.id)}`, { token })).status, 204)
    assert.equal((await ask(hub, 'GET', link)).status, 401)
    assert.match((await ask(hub, 'GET', `/torznab/api?t=search&apikey=${key}`)).text, /<error code="100"/)
  })

  test('comes back after a restart, with search and torrents', async (t) => {
    const { hub, token, start } = await membersOnly(t)
    const torrent = madeTorrent({ name: '机器学习.pdf' })
    await ask(hub, 'POST', '/v1/files', { token, body: { torrent: base64(torrent.bytes), tags: ['book'] } })
    await hub.close()
    const again = await start()
    const found = await ask(again, 'GET', `/v1/files?q=${encodeURIComponent('学习')}`, { token })
    assert.deepEqual(
      (found.json.items as { name: string }[]).map(({ name }) => name),
      ['机器学习.pdf'],
    )
    assert.equal((await ask(again, 'GET', `/announce/download?name=${encodeURIComponent('机器学习.pdf')}`, { token })).status, 200)
    assert.deepEqual((await ask(again, 'GET', '/v1/tags', { token })).json, { items: [{ tag: 'book', files: 1 }] })
  })

  test('whoever has taken all announce keys back gets no torrent without a tracker', async (t) => {
    const { hub, token } = await membersOnly(t)
    const torrent = madeTorrent()
    await ask(hub, 'POST', '/v1/files', { token, body: { torrent: base64(torrent.bytes) } })
    const keys = await ask(hub, 'GET', '/v1/account/announce-keys', { token })
    for (const { id } of keys.json.items as { id: string }[]) await ask(hub, 'DELETE', `/v1/account/announce-keys/${id}`, { token })
    const answer = await ask(hub, 'GET', `/v1/torrents/${torrent.infoHash}/file`, { token })
    assert.equal(answer.json.code, 'CONFLICT', answer.text)
  })
})
