import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { CreatedToken, FileEntry, HubEvent, SignedIn } from '@shoal/api/hub-api'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { type Hub, startHub } from '../src/hub.ts'
import { TestPeer } from './control-fakes.ts'
import { EventReader } from './event-reader.ts'
import { madeTorrent } from './made-torrent.ts'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
interface Described {
  readonly paths: Record<string, Record<string, { responses: Record<string, { content?: Record<string, { schema: Json }> }> }>>
  readonly components: { readonly schemas: Record<string, Json> }
}

const PASSWORD = 'a sentence that nobody guesses'
const TORRENT = madeTorrent({ name: 'lecture-04.mp4' })

let hub: Hub
let owner: Record<string, string>
const bugs: unknown[] = []

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(hub.url + path, {
    method,
    headers: { ...owner, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${path}: ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

/** With every reference replaced by what it means, and closed: an answer that has more than it says is caught, too. */
function whole(schema: Json, { components }: Described): Json {
  if (Array.isArray(schema)) return schema.map((each) => whole(each, { components } as Described))
  if (typeof schema !== 'object' || schema === null) return schema
  if (typeof schema.$ref === 'string')
    return whole(components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? null, { components } as Described)
  const entries = Object.entries(schema).map(([name, value]) => [name, whole(value, { components } as Described)])
  return { ...Object.fromEntries(entries), ...(schema.type === 'object' ? { additionalProperties: false } : {}) }
}

describe('a whole hub', () => {
  before(async () => {
    hub = await startHub({ port: 0, settings: { visitors: 'guest' }, onBug: (bug) => bugs.push(bug) })
    owner = {}
    const { token } = await call<SignedIn>('POST', '/v1/setup', { code: hub.setupLink?.split('#')[1], name: 'an', password: PASSWORD })
    owner = { authorization: `Bearer ${token}` }
  })
  after(async () => {
    await hub.close()
    assert.deepEqual(bugs, [])
  })

  test('tells over the event stream what peers do, to each what it may see', async () => {
    const url = { url: hub.url }
    const query = `?watch=${TORRENT.infoHash}`
    await using mine = await EventReader.open(url, query, owner)
    await using theirs = await EventReader.open(url, query)
    const next = async (reader: EventReader, type: HubEvent['type']): Promise<HubEvent> => {
      for (;;) {
        const event = await reader.next()
        assert.ok(event !== undefined)
        if (event.type === type) return event
      }
    }
    using peer = await TestPeer.join({ port: hub.httpPort }, 'an', { port: 6881, headers: owner })
    assert.deepEqual(await mine.next(), {
      type: 'peer-connected',
      peer: {
        id: peer.received[0]?.type === 'welcome' ? peer.received[0].hostId : '',
        name: 'an',
        isOnline: true,
        ip: '127.0.0.1',
        port: 6881,
      },
    })
    const torrent = Buffer.from(TORRENT.bytes).toString('base64')
    peer.send({ type: 'publish', call: 1, name: 'lecture-04', torrent, localPath: '/home/an/lecture-04.mp4' })
    await peer.next('done')
    await peer.next('watch')
    const published = await next(mine, 'file-published')
    assert.ok(published.type === 'file-published' && published.file.host?.ip === '127.0.0.1')
    // The first thing that somebody without an account hears of all this.
    const seen = await theirs.next()
    assert.ok(seen?.type === 'file-published' && seen.file.name === 'lecture-04')
    assert.ok(!/127\.0\.0\.1|6881|\/home\//.test(JSON.stringify(seen)), JSON.stringify(seen))

    peer.send({ type: 'pieces', infoHash: TORRENT.infoHash, map: '0-3' })
    const pieces = await next(mine, 'pieces')
    assert.deepEqual(pieces.type === 'pieces' && [pieces.have, pieces.map, pieces.peer.name], [4, '0-3', 'an'])
    peer.socket.close()
    await next(mine, 'peer-gone')
  })

  test('answers every GET as it describes itself', async () => {
    using peer = await TestPeer.join({ port: hub.httpPort }, 'an', { port: 6881, headers: owner })
    peer.send({ type: 'pieces', infoHash: TORRENT.infoHash, map: 'all' })
    const { hostId } = peer.received[0]?.type === 'welcome' ? peer.received[0] : { hostId: '' }
    await call('POST', '/v1/account/tokens', { label: 'a feed', scopes: ['feed'] } satisfies Partial<CreatedToken>)
    await call('POST', '/v1/invites', { note: 'for binh' })
    const { items } = await call<{ items: FileEntry[] }>('GET', '/v1/files')
    assert.equal(items.length, 1)

    const described = await call<Described>('GET', '/v1/openapi.json')
    let answers = 0
    for (const [path, { get }] of Object.entries(described.paths)) {
      const schema = get?.responses['200']?.content?.['application/json']?.schema
      if (schema === undefined) continue
      const id = path.startsWith('/v1/peers') ? hostId : path.startsWith('/v1/files') ? items[0]!.id : ''
      const address = path.replace('{infoHash}', TORRENT.infoHash).replace('{id}', id)
      if (address.includes('{') || address.endsWith('/')) continue
      const more = address.includes('/peers?') || address === '/peers' ? `?info_hash=${TORRENT.infoHash}` : ''
      const answer = await call('GET', address + more)
      const errors = Compile(whole(schema, described) as unknown as TSchema).Errors(answer)
      assert.deepEqual(errors, [], `${path} answers ${JSON.stringify(answer)}`)
      answers++
    }
    assert.ok(answers >= 20, `${answers} answers`)
  })
})
