import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, get } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import type { HubSystem } from '../src/system.ts'
import { TlsDoor } from '../src/tls-door.ts'
import { TlsFiles } from '../src/tls-files.ts'
import { DEFAULT_TRACKER_OPTIONS, Tracker } from '../src/tracker/announce.ts'
import { HttpTracker } from '../src/tracker/http.ts'

/** Self-signed; undefined on a machine without openssl. */
function pairFor(name: string): { cert: string; key: string } | undefined {
  try {
    const command = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=${name} -keyout - -out -`
    const pem = execFileSync('openssl', command.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const at = pem.indexOf('-----BEGIN CERTIFICATE')
    return { key: pem.slice(0, at), cert: pem.slice(at) }
  } catch {
    return undefined
  }
}

function filesIn(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const paths = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  let moment = 1_000
  const write = ({ cert, key }: { cert: string; key: string }) => {
    writeFileSync(paths.certificate, cert)
    writeFileSync(paths.key, key)
    moment += 10
    for (const path of [paths.certificate, paths.key]) utimesSync(path, moment, moment)
  }
  return { paths, write }
}

async function nameServedAt(port: number): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

describe('TlsFiles', () => {
  const first = pairFor('first')
  const second = pairFor('second')

  test('serves a new certificate once the files have changed, and never one that does not fit', async (t) => {
    if (first === undefined || second === undefined) return t.skip('openssl is not here to make a certificate')
    const { paths, write } = filesIn(t)
    write(first)
    const files = await TlsFiles.open(paths)
    const server = createServer(files.pair).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as { port: number }
    files.serve(server)
    assert.equal(await nameServedAt(port), 'first')
    assert.ok(files.expiresAt > Date.now() + 8 * 86_400_000)
    assert.equal(await files.reload(), false)

    // half of a renewal: told once, then silent until the files change again
    write({ cert: second.cert, key: first.key })
    await assert.rejects(files.reload(), { name: 'HubError', code: 'OPTION_INVALID', message: /key is the one of the certificate/ })
    assert.equal(await files.reload(), false)
    assert.equal(await nameServedAt(port), 'first')

    write(second)
    assert.equal(await files.reload(), true)
    assert.equal(await nameServedAt(port), 'second')
  })

  test('says what is wrong with the files', async (t) => {
    const { paths, write } = filesIn(t)
    await assert.rejects(TlsFiles.open(paths), { code: 'OPTION_INVALID', message: /tls\.certificate: ENOENT/ })
    write({ cert: 'no certificate', key: 'no key' })
    await assert.rejects(TlsFiles.open(paths), { code: 'OPTION_INVALID', message: /PEM files/ })
  })
})

describe('TlsDoor', () => {
  const pair = pairFor('hub')
  const system: HubSystem = { now: () => 0, wallClock: () => 0, randomBytes: (length) => new Uint8Array(length), randomBelow: () => 0 }

  async function hubIn(t: TestContext, { cert, key }: { cert: string; key: string }) {
    const { paths, write } = filesIn(t)
    write({ cert, key })
    const surroundings = {
      fallback: (request: IncomingMessage, response: ServerResponse) =>
        void response.end(`${request.url} ${'encrypted' in request.socket} ${request.socket.remoteAddress}`),
      onBug: assert.fail,
    }
    const limits = { maxConnections: 10, maxConnectionsPerAddress: 10 }
    const http = new HttpTracker(new Tracker(DEFAULT_TRACKER_OPTIONS, system), surroundings, limits)
    const door = new TlsDoor(await TlsFiles.open(paths), { ...limits, accept: (socket) => http.accept(socket), onBug: assert.fail })
    const port = await door.listen('127.0.0.1', 0)
    const close = () => Promise.all([door.close(0), http.close()])
    return { door, port, close }
  }

  function answerTo(port: number, path: string, ca: string, agent: Agent): Promise<string> {
    return new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', path, ca, checkServerIdentity: () => undefined, agent }, (response) => {
        let text = ''
        response.setEncoding('latin1').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      }).on('error', reject)
    })
  }

  test('serves announces and everything else of the plain door, on one connection', async (t) => {
    if (pair === undefined) return t.skip('openssl is not here to make a certificate')
    const { port, close } = await hubIn(t, pair)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const announce = `/announce?info_hash=${'a'.repeat(20)}&peer_id=${'p'.repeat(20)}&port=6881&uploaded=0&downloaded=0&left=1&compact=1`
    assert.match(await answerTo(port, announce, pair.cert, agent), /^d8:complete/)
    assert.equal(await answerTo(port, '/v1/x', pair.cert, agent), '/v1/x true 127.0.0.1')
    assert.match(await answerTo(port, announce, pair.cert, agent), /^d8:complete/)
    agent.destroy()
    await close()
  })

  test('is for nobody who speaks in the clear, and tells when its port is taken', async (t) => {
    if (pair === undefined) return t.skip('openssl is not here to make a certificate')
    const { door, port, close } = await hubIn(t, pair)
    await assert.rejects(door.listen('127.0.0.1', port))
    const plain = connectPlain(port, '127.0.0.1')
    plain.on('error', () => {})
    plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(plain.resume(), 'close')
    await close()
  })
})
