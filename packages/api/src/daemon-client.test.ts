import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DaemonClient } from './daemon-client.ts'
import { ProblemError, problemOf } from './problem.ts'
import { THIS_PLATFORM, type WebRequest } from './web-platform.ts'

const ID = 'ab'.repeat(20)
const WHO = { name: 'an', password: 'correct horse' }

/** A daemon that answers one call, and remembers it. */
function daemonThat(answer: Response | Error) {
  let asked: (WebRequest & { readonly url: string }) | undefined
  const client = new DaemonClient({
    url: 'http://127.0.0.1:7070',
    token: 'secret',
    platform: {
      ...THIS_PLATFORM,
      fetch: async (url, request) => {
        asked = { ...request, url }
        if (answer instanceof Error) throw answer
        return answer
      },
    },
  })
  return { client, asked: () => asked }
}

/** Every call, and what goes over the wire for it. */
const CALLS: Readonly<Record<string, (client: DaemonClient) => Promise<unknown>>> = {
  'GET /v1/daemon': (client) => client.facts(),
  'GET /v1/settings': (client) => client.settings(),
  'PATCH /v1/settings {"delayMs":5}': (client) => client.changeSettings({ delayMs: 5 }),
  'GET /v1/history?span=day': (client) => client.history('day'),
  'GET /v1/torrents': (client) => client.torrents(),
  'POST /v1/torrents {"link":"magnet:?x"}': (client) => client.add({ link: 'magnet:?x' }),
  [`GET /v1/torrents/${ID}`]: (client) => client.torrent(ID),
  [`PATCH /v1/torrents/${ID} {"isSequential":true}`]: (client) => client.change(ID, { isSequential: true }),
  [`DELETE /v1/torrents/${ID}?data=recycle`]: (client) => client.remove(ID, { data: 'recycle' }),
  [`POST /v1/torrents/${ID}/pause`]: (client) => client.act(ID, 'pause'),
  [`POST /v1/torrents/${ID}/move {"dir":"/data"}`]: (client) => client.move(ID, { dir: '/data' }),
  [`GET /v1/torrents/${ID}/files`]: (client) => client.torrentFiles(ID),
  [`GET /v1/torrents/${ID}/peers`]: (client) => client.torrentPeers(ID),
  [`GET /v1/torrents/${ID}/trackers`]: (client) => client.trackers(ID),
  [`GET /v1/torrents/${ID}/log`]: (client) => client.log(ID),
  'POST /v1/creations {"path":"/data/x"}': (client) => client.create({ path: '/data/x' }),
  'GET /v1/creations': (client) => client.creations(),
  'GET /v1/creations/c1': (client) => client.creation('c1'),
  'DELETE /v1/creations/c1': (client) => client.cancelCreation('c1'),
  'GET /v1/hubs': (client) => client.hubs(),
  'POST /v1/hubs {"url":"10.0.0.1:6880"}': (client) => client.connect({ url: '10.0.0.1:6880' }),
  'DELETE /v1/hubs/a%2Fb': (client) => client.forgetHub('a/b'),
  'POST /v1/hubs/h/session {"name":"an","password":"correct horse"}': (client) => client.signIn('h', WHO),
  'POST /v1/hubs/h/account {"name":"an","password":"correct horse"}': (client) => client.register('h', WHO),
  'DELETE /v1/hubs/h/session': (client) => client.signOut('h'),
  'POST /v1/publications {"path":"/data/x"}': (client) => client.publish({ path: '/data/x' }),
  'GET /v1/publications': (client) => client.publications(),
  'DELETE /v1/publications/h/b%C3%A0i%204': (client) => client.unpublish('h', 'bài 4'),
  'POST /v1/fetches {"what":"lecture"}': (client) => client.fetch({ what: 'lecture' }),
  'GET /v1/hubs/h/files?q=lecture': (client) => client.hubFiles('h', { q: 'lecture' }),
  'GET /v1/hubs/h/files?host=p1': (client) => client.hubPeerFiles('h', 'p1'),
  'GET /v1/hubs/h/peers': (client) => client.hubPeers('h'),
  [`GET /v1/hubs/h/pieces?infoHash=${ID}`]: (client) => client.hubPieces('h', ID),
  'POST /v1/hubs/h/pings {"ip":"10.0.0.1","port":1}': (client) => client.ping('h', { ip: '10.0.0.1', port: 1 }),
}

describe('DaemonClient', () => {
  for (const [call, ask] of Object.entries(CALLS)) {
    test(call, async () => {
      const refusal = problemOf(new ProblemError('NOT_FOUND', 'No such thing. See the list'))
      const { client, asked } = daemonThat(Response.json(refusal, { status: 404, headers: { 'content-type': 'application/problem+json' } }))
      await assert.rejects(ask(client), { name: 'ProblemError', code: 'NOT_FOUND' })
      const { method, url, body, headers } = asked() ?? assert.fail('nobody was asked')
      assert.equal([method, url.replace('http://127.0.0.1:7070', ''), ...(body === undefined ? [] : [body])].join(' '), call)
      assert.equal(headers.authorization, 'Bearer secret')
    })
  }

  test('says in the words of a peer that nobody answers, or somebody else', async () => {
    const nobody = new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) })
    await assert.rejects(daemonThat(nobody).client.facts(), {
      code: 'DAEMON_UNREACHABLE',
      message: 'Cannot reach a peer at http://127.0.0.1:7070: nothing listens there. Does it run? See: shoal daemon status',
    })
    await assert.rejects(daemonThat(Response.json({ hello: 'world' })).client.facts(), { code: 'DAEMON_ANSWER' })
  })
})
