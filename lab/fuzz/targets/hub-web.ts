/** The hub's other doors: addresses and bodies of its API, and the control channel. */

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { FileChange, FileListQuery } from '@shoal/api/hub-api'
import { permissionsOf } from '@shoal/api/permissions'
import { spansOfMap } from '@shoal/api/piece-map'
import { ProblemError } from '@shoal/api/problem'
import type { Authenticator } from '@shoal/door/authenticator'
import { canonicalUrl } from '@shoal/door/canonical-url'
import { WebDoor } from '@shoal/door/web-door'
import { encodeUtf8, fromLatin1, latin1 } from '@shoal/protocol/bytes'
import { ControlChannel } from '../../../packages/hub/src/control/control-channel.ts'
import { readPeerMessage } from '../../../packages/hub/src/control/peer-message.ts'
import { piecesIn } from '../../../packages/hub/src/control/piece-maps.ts'
import { ControlDoor } from '../../../packages/hub/src/http/control-door.ts'
import { HUB_WORDS } from '../../../packages/hub/src/http/hub-words.ts'
import { route } from '../../../packages/hub/src/http/route.ts'
import { REAL_HUB_SYSTEM } from '../../../packages/hub/src/system.ts'
import { expect, expectEqual, type FuzzTarget } from '../target.ts'

const HASH = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a'
const PIECES = 700

const MESSAGES = [
  `{"type":"hello","hostKey":"${'A'.repeat(43)}","name":"an","port":6881,"version":"1"}`,
  '{"type":"publish","call":1,"name":"lecture-04","torrent":"ZGU=","tags":["a"],"description":"x","localPath":"/a"}',
  '{"type":"withdraw","call":2,"name":"lecture-04"}',
  `{"type":"pieces","infoHash":"${HASH}","map":"0-99,200,300-699"}`,
  `{"type":"pieces","infoHash":"${HASH}","map":"~${'A'.repeat(43)}"}`,
  `{"type":"pieces","infoHash":"${HASH}","map":"all"}`,
  '{"type":"pong","call":1}',
]
const MESSAGE_TOKENS = [
  '"type":',
  '"hello"',
  '"publish"',
  '"pieces"',
  '"map":"none"',
  '"call":-1',
  '"call":1e99',
  '"__proto__":{}',
  '{"type":"pong"',
  'null',
  '[[',
  '\\ud800',
  '0-699',
  '699-0',
  '9999999999',
  '~',
].map(fromLatin1)

export const controlMessage: FuzzTarget = {
  name: 'hub-control-message',
  grammar: 'bytes',
  tokens: MESSAGE_TOKENS,
  maxBytes: 3_000,
  refusals: 'none',
  corpus: () => MESSAGES.map(encodeUtf8),
  run(input) {
    const message = readPeerMessage(Buffer.from(input).toString())
    if ('refusal' in message) {
      expect(message.refusal.length > 0 && message.refusal.length < 300, `the refusal is ${message.refusal}`)
      return 'refused'
    }
    if (message.type !== 'pieces') return message.type
    const spans = spansOfMap(message.map, PIECES)
    if (spans === undefined) return 'no map'
    expect(
      piecesIn(spans) <= PIECES && spans.every(({ first, last }) => first >= 0 && first <= last && last < PIECES),
      'pieces beyond the last',
    )
    return `a map of ${message.map.charAt(0)}`
  },
}

export const webAddress: FuzzTarget = {
  name: 'hub-web-address',
  grammar: 'bytes',
  tokens: ['/', '//', '/.', '/..', '%2e', '%2F', '%5c', '%00', '%25', '%', '%c3%a9', '%ff', '?', '&', '=', '+', '/hub', ';'].map(
    fromLatin1,
  ),
  maxBytes: 400,
  refusals: 'none',
  corpus: () => ['/v1/files/abc?limit=1&q=a+b', '/hub/v1/peers', '/%76%31/x', '/'].map(fromLatin1),
  run(input) {
    try {
      const { path, query } = canonicalUrl(latin1(input), '/hub')
      // What has been read once is read the same again, so nobody behind can see another path in it.
      expectEqual(canonicalUrl(`/hub${path}`, '/hub').path, path, 'the path of the path')
      expect(!/\/\/|\/\.{1,2}(?:\/|$)|%2f|%5c|%0/i.test(path), `the path is ${path}`)
      return `fine${query.length > 0 ? ', parameters' : ''}`
    } catch (error) {
      if (error instanceof ProblemError) return error.code
      throw error
    }
  },
}

interface OpenWeb {
  readonly server: Server
  readonly door: WebDoor
  readonly channel: ControlChannel
  readonly port: number
}

let opened: Promise<OpenWeb> | undefined
const bugs: unknown[] = []

async function openWeb(): Promise<OpenWeb> {
  const permissions = permissionsOf('member') as ReadonlySet<string>
  const authenticator: Authenticator = {
    callerOf: async ({ ip, agent }) => ({
      accountId: undefined,
      name: 'visitor',
      role: 'member',
      permissions,
      sessionId: undefined,
      proof: 'none',
      ip,
      agent,
      may: (permission) => permissions.has(permission),
    }),
  }
  const channel = new ControlChannel({
    system: REAL_HUB_SYSTEM,
    hosts: { remember: async (hostKey) => hostKey, touch: async () => undefined },
    publishing: {
      publish: async ({ id }, { name }) => ({ entryId: `${id} ${name}`, infoHash: HASH }),
      withdraw: async () => undefined,
      publishedBy: async () => [],
      pieceCountOf: async (infoHash) => (infoHash === HASH ? PIECES : undefined),
    },
    hubName: () => 'fuzz',
    onEvent: () => undefined,
    onBug: (error) => bugs.push(error),
  })
  const door = await WebDoor.open({
    words: HUB_WORDS,
    routes: [
      route({
        method: 'GET',
        url: '/v1/files',
        summary: '',
        needs: 'files:read',
        query: FileListQuery,
        reply: FileListQuery,
        handle: ({ query }) => query,
      }),
      route({
        method: 'PATCH',
        url: '/v1/files/:id',
        summary: '',
        needs: 'files:publish',
        body: FileChange,
        takesForms: true,
        reply: FileChange,
        handle: ({ body }) => body,
      }),
    ],
    authenticator,
    idempotentCalls: { find: async () => undefined, keep: async () => undefined, forgetBefore: async () => undefined },
    system: REAL_HUB_SYSTEM,
    checksReplies: true,
    onBug: (error) => bugs.push(error),
  })
  const server = createServer({ requestTimeout: 4_000, connectionsCheckingInterval: 500 }, door.handle)
  server.on('upgrade', new ControlDoor(door, authenticator, channel, (error) => bugs.push(error)).upgrade)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, door, channel, port: (server.address() as AddressInfo).port }
}

async function closeWeb(): Promise<void> {
  if (opened === undefined) return
  const { server, door, channel } = await opened
  opened = undefined
  channel.close()
  server.closeAllConnections()
  await new Promise((resolve) => {
    server.close(resolve)
  })
  await door.close()
}

/** Any bytes at the web door: an answer in its one form, or a closed door, and never a bug. */
export const webRequest: FuzzTarget = {
  name: 'hub-web-request',
  grammar: 'bytes',
  tokens: [
    ' HTTP/1.1\r\n',
    '\r\n',
    'GET ',
    'PATCH ',
    '/v1/files',
    '?limit=5',
    '%2f',
    'host: h\r\n',
    'content-length: 5\r\n',
    '"name":',
    'transfer-encoding: chunked\r\n',
    'content-type: application/json\r\n',
    'idempotency-key: k\r\n',
    'origin: null\r\n',
    '--x\r\n',
    'content-type: multipart/form-data; boundary=x\r\n',
    'content-disposition: form-data; name="tags"\r\n',
    'x-forwarded-for: ,,\r\n',
  ].map(fromLatin1),
  maxBytes: 3_000,
  refusals: 'none',
  oneIn: 10,
  corpus: () =>
    [
      'GET /v1/files?limit=5&q=a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      'PATCH /v1/files/a HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{"name":"abc"}',
      'PATCH /v1/files/a HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 74\r\n\r\n--x\r\ncontent-disposition: form-data; name="name"\r\n\r\nabcdefghijk\r\n--x--\r\n',
      'PUT /v1/files HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 3\r\n\r\nabc',
    ].map(fromLatin1),
  async run(input) {
    opened ??= openWeb()
    const { port } = await opened
    const answer = await exchange(port, input)
    if (bugs.length > 0) throw bugs.splice(0)[0]
    if (answer === '') return 'closed'
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
    expect(status !== undefined && status !== '500', `the answer begins ${JSON.stringify(answer.slice(0, 80))}`)
    return `${status} ${/"code":"(\w+)"/.exec(answer)?.[1] ?? ''}`
  },
  close: closeWeb,
}

const UPGRADE = fromLatin1(
  'GET /v1/control HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
)

/** A frame of text, masked with zeros. */
function frameOf(text: string): Uint8Array {
  const payload = encodeUtf8(text)
  return Uint8Array.of(0x81, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0, ...payload)
}

/** Any bytes after the upgrade to the control channel: the hub says goodbye or closes, and it never is a bug. */
export const controlChannel: FuzzTarget = {
  name: 'hub-control-channel',
  grammar: 'bytes',
  tokens: [
    ...MESSAGE_TOKENS,
    ...MESSAGES.map(frameOf),
    Uint8Array.of(0x89, 0x80, 0, 0, 0, 0),
    Uint8Array.of(0x88, 0x80, 0, 0, 0, 0),
    Uint8Array.of(0x01, 0x80, 0, 0, 0, 0),
  ],
  maxBytes: 4_000,
  refusals: 'none',
  oneIn: 10,
  corpus: () => [Buffer.concat(MESSAGES.map(frameOf)), Buffer.concat([frameOf(MESSAGES[0]!), frameOf(MESSAGES[3]!)]), frameOf('{}')],
  async run(input) {
    opened ??= openWeb()
    const { port, channel } = await opened
    const answer = await exchange(port, Buffer.concat([UPGRADE, input]))
    if (bugs.length > 0) throw bugs.splice(0)[0]
    expect(answer.startsWith('HTTP/1.1 101 '), `the answer begins ${JSON.stringify(answer.slice(0, 80))}`)
    expect(channel.presence.size <= 2, 'somebody stays who has gone')
    return `${/"type":"welcome"/.test(answer) ? 'welcome ' : ''}${/"code":"(\w+)"/.exec(answer)?.[1] ?? ''}`
  },
  close: closeWeb,
}

/** Everything that comes back until the other side has ended, which it does because we have. */
function exchange(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.end(bytes))
    socket.setTimeout(8_000, () => {
      socket.destroy()
      reject(new Error('Not as it must be: no answer and no end within 8 s'))
    })
    socket.on('data', (chunk) => {
      received += latin1(chunk)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(received))
  })
}
