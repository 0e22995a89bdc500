import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { ROLES, type Role } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import { encodeUtf8, latin1 } from '@shoal/protocol/bytes'
import { feedRoutes, type KeyHolders } from '../src/http/feed-routes.ts'
import { fileRoutes } from '../src/http/file-routes.ts'
import { foundingTorrentRoutes } from '../src/http/founding-torrent-routes.ts'
import type { HubRoute } from '../src/http/route.ts'
import { torrentRoutes } from '../src/http/torrent-routes.ts'
import { base64, CatalogueWorld, caller } from './catalogue-world.ts'
import { madeTorrent } from './made-torrent.ts'
import { readXml } from './read-xml.ts'
import { type OpenDoor, openDoor } from './web-door-fakes.ts'

const FOUND = madeTorrent({ name: 'lecture-04.mp4' })
/** Passes for a key in announce URLs; nobody may find another's in an answer. */
const keyOf = (accountId: string): string => `SECRET-${accountId}`

class Site {
  readonly world: CatalogueWorld
  readonly door: OpenDoor
  /** Of the one file that is there, published by the account of the token `member`. */
  readonly id: string

  constructor(world: CatalogueWorld, door: OpenDoor, id: string) {
    this.world = world
    this.door = door
    this.id = id
  }

  async ask(
    method: string,
    path: string,
    {
      as,
      body,
      headers = {},
    }: { as?: string; body?: string | FormData | Uint8Array<ArrayBuffer> | object; headers?: Record<string, string> } = {},
  ) {
    const isRaw = typeof body === 'string' || body instanceof FormData || body instanceof Uint8Array
    const response = await fetch(this.door.url + path, {
      method,
      redirect: 'error',
      headers: {
        ...(as !== undefined && { authorization: `Bearer ${as}` }),
        ...(!isRaw && body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
    })
    const bytes = new Uint8Array(await response.arrayBuffer())
    const text = latin1(bytes)
    const isJson = response.headers.get('content-type')?.includes('json') === true
    const json = (isJson ? JSON.parse(Buffer.from(bytes).toString('utf8')) : {}) as Record<string, never> & {
      code?: string
      detail?: string
    }
    return { status: response.status, headers: response.headers, bytes, text, json, code: json.code ?? response.status }
  }
}

async function site(t: TestContext): Promise<Site> {
  const world = await CatalogueWorld.open(t)
  for (const role of ROLES) await world.account(`account-of-${role}`, role)
  const id = await world.publish(await world.host('h1', 'account-of-member'), 'lecture-04.mp4')
  const door = await openDoor(catalogueRoutes(world))
  t.after(() => door[Symbol.asyncDispose]())
  t.after(() => assert.deepEqual(door.bugs, []))
  return new Site(world, door, id)
}

function catalogueRoutes(world: CatalogueWorld): HubRoute[] {
  const { catalogue } = world
  const accounts = {
    announceUrls: (accountId: string | undefined, origin: string) => [
      accountId === undefined ? `${origin}/announce` : `${origin}/a/${keyOf(accountId)}/announce`,
    ],
  }
  const swarms = {
    countsOf: () => ({ seeds: 2, leechers: 1 }),
    endpointsOf: () => [{ ip: '10.1.2.3', port: 6881 }],
  }
  return [
    ...fileRoutes(catalogue),
    ...torrentRoutes(catalogue, accounts),
    ...foundingTorrentRoutes({ catalogue, accounts, swarms }),
    ...feedRoutes({ catalogue, accounts, keyHolders: KEYS, rules: { rules: () => world.rules } }),
  ]
}

const KEYS: KeyHolders = {
  callerOf: async ({ authorization }) => {
    const key = authorization?.slice('Bearer '.length)
    if (key === 'feed') return caller('guest', 'account-of-guest', ['feed'])
    if (key === 'strong') return caller('member', 'account-of-member')
    if (key === 'metrics') return caller('owner', 'account-of-owner', ['metrics'])
    throw new ProblemError('NOT_SIGNED_IN', 'This token is unknown')
  },
}

const EVERYBODY: readonly Role[] = ROLES
const PUBLISHERS: readonly Role[] = ['owner', 'admin', 'moderator', 'member']

/** Each route, how to ask it well, and who may. `:id` and `:hash` are those of the file that is there. */
const ACCESS: Readonly<Record<string, { path?: string; body?: () => object; may: readonly Role[] | 'everybody' }>> = {
  'GET /v1/files': { may: EVERYBODY },
  'POST /v1/files': { body: () => ({ torrent: base64(madeTorrent({ name: 'new' }).bytes) }), may: PUBLISHERS },
  'GET /v1/files/:id': { may: EVERYBODY },
  'PATCH /v1/files/:id': { body: () => ({ tags: ['x'] }), may: PUBLISHERS },
  'DELETE /v1/files/:id': { may: PUBLISHERS },
  'GET /v1/tags': { may: EVERYBODY },
  'GET /v1/torrents/:infoHash': { may: EVERYBODY },
  'GET /v1/torrents/:infoHash/file': { may: EVERYBODY },
  'GET /v1/torrents/:infoHash/magnet': { may: EVERYBODY },
  'GET /v1/torrents/:infoHash/pieces': { may: EVERYBODY },
  'GET /v1/torrents/:infoHash/files': { may: EVERYBODY },
  'POST /announce/upload': { body: () => ({ torrent: base64(madeTorrent({ name: 'new' }).bytes) }), may: PUBLISHERS },
  'GET /announce/download': { path: '/announce/download?info_hash=:infoHash', may: EVERYBODY },
  'GET /peers': { path: '/peers?info_hash=:infoHash', may: EVERYBODY },
  'GET /rss': { may: EVERYBODY },
  'GET /rss/:key': { path: '/rss/feed', may: 'everybody' },
  'GET /rss/:key/torrents/:file': { path: '/rss/feed/torrents/:infoHash.torrent', may: 'everybody' },
  'GET /torznab/api': { path: '/torznab/api?t=caps', may: 'everybody' },
}

describe('who may what', () => {
  test('every route is in the table', async (t) => {
    const world = await CatalogueWorld.open(t)
    const names = catalogueRoutes(world).map(({ method, url }) => `${method} ${url}`)
    assert.deepEqual(names.toSorted(), Object.keys(ACCESS).toSorted())
  })

  test('each role at each route', async (t) => {
    const made = await site(t)
    // what withdraws the file comes last
    const names = Object.keys(ACCESS).toSorted((a, b) => Number(a.startsWith('DELETE')) - Number(b.startsWith('DELETE')))
    for (const name of names) {
      const { path, body, may } = ACCESS[name]!
      const [method = '', url = ''] = name.split(' ')
      const where = (path ?? url).replace(':infoHash', FOUND.infoHash).replace(':id', made.id)
      const ask = async (as?: string) =>
        await made.ask(method, where, { ...(as !== undefined && { as }), ...(body !== undefined && { body: body() }) })
      for (const role of [...ROLES].reverse()) {
        const answer = await ask(role)
        const isAllowed = may === 'everybody' || may.includes(role)
        if (!isAllowed) assert.equal(answer.code, 'FORBIDDEN', `${name} as ${role}`)
        else {
          const isDone = answer.status < 300 || ['ALREADY_SHARED', 'NOT_FOUND'].includes(String(answer.code))
          assert.ok(isDone, `${name} as ${role}: ${answer.status} ${answer.text}`)
        }
      }
      made.door.accounts.visitors = 'none'
      for (const answer of [await ask(), await ask('unknown')]) assert.equal(answer.code, may === 'everybody' ? 200 : 'NOT_SIGNED_IN', name)
    }
  })

  test('members change only what is theirs', async (t) => {
    const made = await site(t)
    for (const as of ['member-2']) {
      assert.equal((await made.ask('PATCH', `/v1/files/${made.id}`, { as, body: { name: 'mine' } })).code, 'FORBIDDEN')
      assert.equal((await made.ask('DELETE', `/v1/files/${made.id}`, { as })).code, 'FORBIDDEN')
    }
    assert.equal((await made.ask('PATCH', `/v1/files/${made.id}`, { as: 'member', body: { name: 'mine' } })).status, 200)
    assert.equal((await made.ask('DELETE', `/v1/files/${made.id}`, { as: 'moderator' })).status, 204)
  })
})

/** Everything that can be wrong with what is asked. */
const REFUSED: readonly (readonly [ask: string, code: string | number, body?: object])[] = [
  ['GET /v1/files?limit=0', 'VALIDATION'],
  ['GET /v1/files?limit=101', 'VALIDATION'],
  ['GET /v1/files?limit=x', 'VALIDATION'],
  ['GET /v1/files?sort=best', 'VALIDATION'],
  [`GET /v1/files?q=${'x'.repeat(201)}`, 'VALIDATION'],
  ['GET /v1/files?tag=', 'VALIDATION'],
  [`GET /v1/files?tag=${'x'.repeat(41)}`, 'VALIDATION'],
  [`GET /v1/files?name=${'x'.repeat(201)}`, 'VALIDATION'],
  ['GET /v1/files?name=nothing-like-it', 'NOT_FOUND'],
  [`GET /v1/files?host=${'x'.repeat(65)}`, 'VALIDATION'],
  [`GET /v1/files?owner=${'x'.repeat(65)}`, 'VALIDATION'],
  ['GET /v1/files?cursor=made.up', 'VALIDATION'],
  [`GET /v1/files?cursor=${'x'.repeat(2_501)}`, 'VALIDATION'],
  ['GET /v1/files?page=2', 'VALIDATION'],
  ['GET /v1/files?q=a&q=b', 'VALIDATION'],
  ['GET /v1/files?q=%ff', 'MALFORMED'],
  ['GET /v1/files/nowhere', 'NOT_FOUND'],
  [`GET /v1/files/${'x'.repeat(65)}`, 'VALIDATION'],
  [`GET /v1/files/${'x'.repeat(5_000)}`, 'VALIDATION'],
  [`GET /rss/${'x'.repeat(101)}`, 'VALIDATION'],
  ['POST /v1/files', 'VALIDATION', {}],
  ['POST /v1/files', 'VALIDATION', { torrent: '' }],
  ['POST /v1/files', 'VALIDATION', { torrent: 'äöü' }],
  ['POST /v1/files', 'VALIDATION', { torrent: 7 }],
  ['POST /v1/files', 'TORRENT_INVALID', { torrent: base64(encodeUtf8('hello')) }],
  ['POST /v1/files', 'VALIDATION', { torrent: base64(FOUND.bytes), name: '' }],
  ['POST /v1/files', 'VALIDATION', { torrent: base64(FOUND.bytes), name: 'a/b' }],
  ['POST /v1/files', 'VALIDATION', { torrent: base64(FOUND.bytes), name: 'x'.repeat(201) }],
  ['POST /v1/files', 'VALIDATION', { torrent: base64(FOUND.bytes), description: 'x'.repeat(4_001) }],
  ['POST /v1/files', 'VALIDATION', { torrent: base64(FOUND.bytes), tags: 'video' }],
  ['POST /v1/files', 'VALIDATION', { torrent: base64(FOUND.bytes), tags: [''] }],
  ['POST /v1/files', 'VALIDATION', { torrent: base64(FOUND.bytes), tags: Array.from({ length: 21 }, (_, at) => `${at}`) }],
  ['POST /v1/files', 'VALIDATION', { torrent: base64(FOUND.bytes), localPath: '/etc/passwd' }],
  ['PATCH /v1/files/:id', 'VALIDATION', { name: 'a\\b' }],
  ['PATCH /v1/files/:id', 'VALIDATION', { size: 1 }],
  ['PATCH /v1/files/:id', 'VALIDATION', { tags: [7] }],
  ['PATCH /v1/files/:id', 'VALIDATION', { description: null }],
  ['PATCH /v1/files/nowhere', 'NOT_FOUND', { name: 'x' }],
  ['DELETE /v1/files/nowhere', 'NOT_FOUND'],
  ['GET /v1/tags?limit=1', 'VALIDATION'],
  ['GET /v1/torrents/xyz', 'VALIDATION'],
  [`GET /v1/torrents/${FOUND.infoHash.toUpperCase()}`, 'VALIDATION'],
  [`GET /v1/torrents/${'00'.repeat(20)}`, 'NOT_FOUND'],
  [`GET /v1/torrents/${'00'.repeat(20)}/file`, 'NOT_FOUND'],
  [`GET /v1/torrents/${'00'.repeat(20)}/magnet`, 'NOT_FOUND'],
  [`GET /v1/torrents/${'00'.repeat(20)}/pieces`, 'NOT_FOUND'],
  [`GET /v1/torrents/${'00'.repeat(20)}/files`, 'NOT_FOUND'],
  [`GET /v1/torrents/${FOUND.infoHash}/magnet?withKey=yes`, 'VALIDATION'],
  [`GET /v1/torrents/${FOUND.infoHash}/files?limit=1001`, 'VALIDATION'],
  [`GET /v1/torrents/${FOUND.infoHash}/files?cursor=x`, 'VALIDATION'],
  ['GET /announce/download', 'VALIDATION'],
  ['GET /announce/download?info_hash=xyz', 'VALIDATION'],
  [`GET /announce/download?info_hash=${'!'.repeat(32)}`, 'VALIDATION'],
  [`GET /announce/download?info_hash=${'00'.repeat(20)}`, 'NOT_FOUND'],
  [`GET /announce/download?info_hash=${FOUND.infoHash}&name=x`, 'VALIDATION'],
  ['GET /announce/download?name=lecture-05.mp4', 'NOT_FOUND'],
  ['GET /announce/download?name=', 'VALIDATION'],
  ['POST /announce/upload', 'VALIDATION', {}],
  ['GET /peers', 'VALIDATION'],
  ['GET /peers?info_hash=%ff%ff', 'MALFORMED'],
  ['GET /peers?info_hash=xyz', 'VALIDATION'],
  ['GET /rss?limit=101', 'VALIDATION'],
  ['GET /rss?sort=name', 'VALIDATION'],
  ['GET /rss/unknown', 'NOT_SIGNED_IN'],
  ['GET /rss/strong', 'FORBIDDEN'],
  ['GET /rss/metrics', 'FORBIDDEN'],
  [`GET /rss/unknown/torrents/${FOUND.infoHash}.torrent`, 'NOT_SIGNED_IN'],
  [`GET /rss/strong/torrents/${FOUND.infoHash}.torrent`, 'FORBIDDEN'],
  ['GET /rss/feed/torrents/x.torrent', 'VALIDATION'],
  [`GET /rss/feed/torrents/${FOUND.infoHash}`, 'VALIDATION'],
  [`GET /rss/feed/torrents/${'00'.repeat(20)}.torrent`, 'NOT_FOUND'],
  [`GET /torznab/api?t=search&q=${'x'.repeat(401)}`, 'VALIDATION'],
]

describe('what is refused', () => {
  test('every parameter that breaks its rule', async (t) => {
    const made = await site(t)
    for (const [ask, code, body] of REFUSED) {
      const [method = '', path = ''] = ask.split(' ')
      const answer = await made.ask(method, path.replace(':id', made.id), { as: 'member', ...(body !== undefined && { body }) })
      assert.equal(answer.code, code, `${ask} ${JSON.stringify(body ?? '').slice(0, 80)}: ${answer.text}`)
      assert.ok(answer.json.detail !== undefined && answer.json.detail !== '')
      assert.doesNotMatch(answer.text, /SECRET|node_modules|\.ts:/)
    }
    assert.equal((await made.world.catalogue.totals()).files, 1)
  })

  test('several contents under one name are told, to choose from', async (t) => {
    const made = await site(t)
    await made.world.publish(await made.world.host('h2'), 'Lecture-04.MP4', { seed: 'another' })
    const answer = await made.ask('GET', '/announce/download?name=lecture-04.mp4', { as: 'member' })
    assert.equal(answer.code, 'AMBIGUOUS')
    const { choices } = answer.json as unknown as { choices: { host: { ip: string } }[] }
    assert.deepEqual(
      choices.map(({ host }) => host.ip),
      ['10.0.0.7', '10.0.0.7'],
    )
  })
})

describe('uploads', () => {
  test('come as JSON, as a form, and as the body itself', async (t) => {
    const made = await site(t)
    const json = await made.ask('POST', '/v1/files', {
      as: 'member',
      body: { torrent: base64(madeTorrent({ name: 'one' }).bytes), tags: ['Video'] },
    })
    assert.equal(json.status, 201)
    assert.match(json.headers.get('location') ?? '', /^\/v1\/files\/[\w-]{16}$/)
    const form = new FormData()
    form.set('torrent', new Blob([madeTorrent({ name: 'two' }).bytes.slice()]), 'two.torrent')
    form.set('name', 'Số hai')
    form.append('tags', 'a')
    form.append('tags', 'b')
    const formed = await made.ask('POST', '/announce/upload', { as: 'member', body: form })
    assert.equal(formed.status, 201, formed.text)
    assert.deepEqual([formed.json.name, formed.json.tags], ['Số hai', ['a', 'b']])
    const raw = await made.ask('POST', '/announce/upload', {
      as: 'member',
      body: madeTorrent({ name: 'three' }).bytes,
      headers: { 'content-type': 'application/x-bittorrent' },
    })
    assert.equal(raw.status, 201, raw.text)
    assert.equal(raw.json.infoHash, madeTorrent({ name: 'three' }).infoHash)
    assert.equal(
      (
        await made.ask('POST', '/announce/upload', {
          as: 'member',
          body: 'x=1',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
      ).code,
      'UNSUPPORTED_TYPE',
    )
  })

  test('a repeat with the same key is answered again, and is one file', async (t) => {
    const made = await site(t)
    const ask = () =>
      made.ask('POST', '/v1/files', {
        as: 'member',
        body: { torrent: base64(madeTorrent({ name: 'one' }).bytes) },
        headers: { 'idempotency-key': 'k1' },
      })
    const answers = await Promise.all([ask(), ask()])
    assert.deepEqual(answers[0]!.json.id, answers[1]!.json.id)
    assert.equal((await made.world.catalogue.totals()).files, 2)
  })

  test('a very large torrent gets through the door', async (t) => {
    const made = await site(t)
    const files = Array.from({ length: 25_000 }, (_, at) => ({ path: ['f', `${at}`.padStart(250, 'n')], length: 1 }))
    const { bytes, infoHash } = madeTorrent({ name: 'f', files, trackers: [['http://elsewhere.example/announce']] })
    assert.ok(bytes.length > 6_500_000)
    const answer = await made.ask('POST', '/announce/upload', {
      as: 'member',
      body: bytes,
      headers: { 'content-type': 'application/x-bittorrent' },
    })
    assert.equal(answer.status, 201, answer.text)
    assert.equal(answer.json.fileCount, 25_000)
    const download = await made.ask('GET', `/v1/torrents/${infoHash}/file`, { as: 'member' })
    assert.ok(!download.text.includes('elsewhere') && download.bytes.length > 6_500_000)
  })
})

describe('torrents', () => {
  test('each gets one with his own key, saved and not shown, and no other key', async (t) => {
    const made = await site(t)
    const path = `/v1/torrents/${FOUND.infoHash}/file`
    const mine = await made.ask('GET', path, { as: 'member' })
    assert.ok(latin1(mine.bytes).includes(latin1(FOUND.infoRaw)))
    assert.ok(mine.text.includes(`/a/${keyOf('account-of-member')}/announce`))
    assert.equal(mine.headers.get('content-type'), 'application/x-bittorrent')
    assert.equal(
      mine.headers.get('content-disposition'),
      `attachment; filename="lecture-04.mp4.torrent"; filename*=UTF-8''lecture-04.mp4.torrent`,
    )
    assert.equal(mine.headers.get('x-content-type-options'), 'nosniff')
    assert.match(mine.headers.get('cache-control') ?? '', /private/)
    const other = await made.ask('GET', path, { as: 'guest' })
    assert.ok(!other.text.includes(keyOf('account-of-member')))
    const visitor = await made.ask('GET', path)
    assert.ok(!visitor.text.includes('SECRET') && visitor.text.includes('/announce'))
    const tags = [mine, other, visitor].map((answer) => answer.headers.get('etag') ?? '')
    assert.equal(new Set(tags).size, 3)
    assert.equal((await made.ask('GET', path, { as: 'member', headers: { 'if-none-match': tags[0]! } })).status, 304)
    assert.equal((await made.ask('GET', path, { as: 'guest', headers: { 'if-none-match': tags[0]! } })).status, 200)
  })

  test('a hostile name stays inside its header', async (t) => {
    const made = await site(t)
    const { bytes, infoHash } = madeTorrent({ name: 'a";\u202e\r\nX-Evil: 1; ố 机' })
    await made.ask('POST', '/v1/files', { as: 'member', body: { torrent: base64(bytes), name: 'ok' } })
    const answer = await made.ask('GET', `/v1/torrents/${infoHash}/file`, { as: 'member' })
    assert.equal(answer.headers.get('x-evil'), null)
    assert.match(answer.headers.get('content-disposition') ?? '', /^attachment; filename="[\w .()+-]+"; filename\*=UTF-8''[\w%.-]+$/)
  })

  test('by name and by hash in its two spellings; magnet links without a key unless asked', async (t) => {
    const made = await site(t)
    const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
    const bits = Buffer.from(FOUND.infoHash, 'hex').reduce((text, byte) => text + byte.toString(2).padStart(8, '0'), '')
    const spelled = (bits.match(/.{5}/g) ?? []).map((five) => base32[Number.parseInt(five, 2)]).join('')
    const answers = await Promise.all(
      [`info_hash=${FOUND.infoHash}`, `info_hash=${spelled}`, `name=LECTURE-04.mp4`].map((query) =>
        made.ask('GET', `/announce/download?${query}`, { as: 'member' }),
      ),
    )
    assert.deepEqual(new Set(answers.map((answer) => answer.text)).size, 1)
    const magnet = await made.ask('GET', `/v1/torrents/${FOUND.infoHash}/magnet`, { as: 'member' })
    assert.match(magnet.text, /xt=urn:btih:/)
    assert.doesNotMatch(magnet.text, /SECRET/)
    const keyed = await made.ask('GET', `/v1/torrents/${FOUND.infoHash}/magnet?withKey=true`, { as: 'member' })
    assert.ok(keyed.text.includes(encodeURIComponent(keyOf('account-of-member'))))
  })

  test('peers: addresses for members, counts for guests', async (t) => {
    const made = await site(t)
    const path = `/peers?info_hash=${FOUND.infoHash}`
    assert.deepEqual((await made.ask('GET', path, { as: 'member' })).json, {
      info_hash: FOUND.infoHash,
      complete: 2,
      incomplete: 1,
      peers: [{ ip: '10.1.2.3', port: 6881 }],
    })
    assert.deepEqual((await made.ask('GET', path, { as: 'guest' })).json.peers, [])
  })
})

describe('feeds', () => {
  test('have the key of whoever asks in every link, and nothing private', async (t) => {
    const made = await site(t)
    const answer = await made.ask('GET', '/rss/feed?q=lecture&limit=5')
    assert.equal(answer.headers.get('content-type'), 'application/rss+xml; charset=utf-8')
    const channel = readXml(Buffer.from(answer.bytes).toString('utf8')).children[0]!
    const item = channel.children.find(({ name }) => name === 'item')!
    const link = item.children.find(({ name }) => name === 'enclosure')!.attributes.url!
    assert.equal(link, `${made.door.url}/rss/feed/torrents/${FOUND.infoHash}.torrent`)
    assert.doesNotMatch(answer.text, /SECRET|10\.0\.0\.7|account-of|\/files\/lecture/)
    const torrent = await made.ask('GET', link.slice(made.door.url.length))
    assert.ok(torrent.text.includes(`/a/${keyOf('account-of-guest')}/announce`))
    assert.ok(!torrent.text.includes(keyOf('account-of-member')))
    assert.equal((await made.ask('GET', '/rss/feed?q=nothing-like-it')).text.includes('<item>'), false)
  })

  test('on an open hub need no key, and then link to what needs none', async (t) => {
    const made = await site(t)
    const channel = readXml((await made.ask('GET', '/rss')).text).children[0]!
    const link = channel.children.find(({ name }) => name === 'item')!.children.find(({ name }) => name === 'link')!.text
    assert.equal(link, `${made.door.url}/v1/torrents/${FOUND.infoHash}/file`)
    assert.equal((await made.ask('GET', link.slice(made.door.url.length))).status, 200)
  })
})

describe('torznab', () => {
  test('answers searches, with names of parameters in any case', async (t) => {
    const made = await site(t)
    await made.ask('PATCH', `/v1/files/${made.id}`, { as: 'member', body: { tags: ['video'] } })
    for (const query of [
      't=search&q=lecture',
      'T=search&Q=lecture&EXTENDED=1',
      't=movie&q=lecture',
      't=search&cat=2000,5000',
      't=search&cat=2040',
    ]) {
      const answer = await made.ask('GET', `/torznab/api?${query}&apikey=feed`)
      const channel = readXml(answer.text).children[0]!
      assert.deepEqual(channel.children.find(({ name }) => name === 'torznab:response')?.attributes, { offset: '0', total: '1' }, query)
      assert.ok(answer.text.includes(`/rss/feed/torrents/${FOUND.infoHash}.torrent`))
      assert.doesNotMatch(answer.text, /SECRET|magneturl/)
    }
    for (const query of ['t=search&cat=8000', 't=search&q=nothing', 't=search&q=***', 't=search&offset=1', 't=search&cat=6000']) {
      assert.ok(!(await made.ask('GET', `/torznab/api?${query}&apikey=feed`)).text.includes('<item>'), query)
    }
  })

  test('refuses in its own words', async (t) => {
    const made = await site(t)
    made.door.accounts.visitors = 'none'
    for (const [query, code] of [
      ['', '200'],
      ['t=dance', '202'],
      ['t=details', '203'],
      ['t=search&limit=x', '201'],
      ['t=search', '100'],
      ['t=search&apikey=unknown', '100'],
      ['t=search&apikey=strong', '102'],
      ['t=search&apikey=metrics', '102'],
    ] as const) {
      const root = readXml((await made.ask('GET', `/torznab/api?${query}`)).text)
      assert.deepEqual([root.name, root.attributes.code], ['error', code], query)
    }
    assert.equal(readXml((await made.ask('GET', '/torznab/api?t=caps')).text).name, 'caps')
  })

  test('gives magnet links where nobody needs a key', async (t) => {
    const made = await site(t)
    const answer = await made.ask('GET', '/torznab/api?t=search')
    assert.match(answer.text, /name="magneturl" value="magnet:\?xt=urn:btih:[0-9a-f]{40}&amp;dn=lecture-04\.mp4/)
  })
})
