import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import type { HttpRequest, HttpResponse } from '../ports/network.ts'
import { type AddressReach, addressReach } from './address.ts'
import { type AddressBook, httpGet } from './http.ts'

const MIB = 1024 * 1024
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

describe('httpGet', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
    const sockets = new Set<{ destroy(): unknown }>()
    server.on('connection', (socket) => sockets.add(socket))
    closers.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    await new Promise<void>((resolve) => {
      server.listen(0, host, resolve)
    })
    return (server.address() as AddressInfo).port
  }

  async function serve(listener: RequestListener, host?: string): Promise<string> {
    return `http://127.0.0.1:${await listen(createHttpServer(listener), host)}/announce`
  }

  function get(url: string, more: Partial<HttpRequest> = {}, book: Partial<AddressBook> = {}): Promise<HttpResponse> {
    const resolve = (host: string): Promise<readonly string[]> => Promise.resolve([host])
    return httpGet({ url, timeoutMs: 3000, maxBytes: MIB, ...more }, { resolve, reachOf: addressReach, ...book })
  }

  test('says who asks, and wants no connection kept', async () => {
    const url = await serve(({ headers }, response) => response.end(JSON.stringify(headers)))
    const headers = JSON.parse(text((await get(url)).body)) as IncomingHttpHeaders
    assert.equal(headers['user-agent'], 'Shoal/0.1.0')
    assert.equal(headers.connection, 'close')
    assert.equal(headers.host, new URL(url).host)
  })

  for (const [encoding, pack] of [
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['identity', (bytes: Uint8Array): Uint8Array => bytes],
  ] as const) {
    test(`unpacks ${encoding} (${pack.name})`, async () => {
      const url = await serve((_, response) => {
        response.setHeader('Content-Encoding', encoding)
        response.end(pack(Buffer.from('d8:intervali60ee')))
      })
      assert.equal(text((await get(url)).body), 'd8:intervali60ee')
    })
  }

  test('a gzip bomb: TRACKER_RESPONSE_TOO_LARGE', async () => {
    const bomb = gzipSync(new Uint8Array(20 * MIB))
    const url = await serve((_, response) => {
      response.setHeader('Content-Encoding', 'gzip')
      response.end(bomb)
    })
    await assert.rejects(get(url), { code: 'TRACKER_RESPONSE_TOO_LARGE' })
    // also when the limit would allow it: more than a hundred to one is no honest answer
    await assert.rejects(get(url, { maxBytes: 100 * MIB }), { code: 'TRACKER_RESPONSE_TOO_LARGE' })
  })

  test('broken or unknown compression: TRACKER_INVALID_RESPONSE', async () => {
    for (const encoding of ['gzip', 'deflate', 'br']) {
      const url = await serve((_, response) => {
        response.setHeader('Content-Encoding', encoding)
        response.end('this is not packed')
      })
      await assert.rejects(get(url), { code: 'TRACKER_INVALID_RESPONSE' })
    }
  })

  test('a body of 1 GB is cut off at the limit', async () => {
    let sent = 0
    const url = await serve((_, response) => {
      const more = (): void => {
        while (sent < 1024 * MIB && !response.destroyed) {
          sent += 65_536
          if (!response.write(new Uint8Array(65_536))) break
        }
      }
      response.on('drain', more)
      more()
    })
    await assert.rejects(get(url), { code: 'TRACKER_RESPONSE_TOO_LARGE' })
    assert.ok(sent < 64 * MIB, `${sent} bytes were sent`)
  })

  test('a body that is announced as 1 GB is not waited for', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'Content-Length': 1024 * MIB })
      response.write('x')
    })
    await assert.rejects(get(url), { code: 'TRACKER_RESPONSE_TOO_LARGE' })
  })

  test('headers over 16 KiB: TRACKER_RESPONSE_TOO_LARGE', async () => {
    const url = await serve((_, response) => {
      response.setHeader('X-Long', 'x'.repeat(17 * 1024))
      response.end()
    })
    await assert.rejects(get(url), { code: 'TRACKER_RESPONSE_TOO_LARGE' })
  })

  test('a server that drips its headers or its body: TRACKER_TIMEOUT', async () => {
    const drips: NodeJS.Timeout[] = []
    const slowHeaders = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.write('HTTP/1.1 200 OK\r\nX-Drip: ')
      drips.push(setInterval(() => socket.write('x'), 5))
    })
    const headersUrl = `http://127.0.0.1:${await listen(slowHeaders)}/announce`
    const bodyUrl = await serve((_, response) => {
      response.write('d')
      drips.push(setInterval(() => response.write('x'), 5))
    })
    for (const url of [headersUrl, bodyUrl]) await assert.rejects(get(url, { timeoutMs: 80 }), { code: 'TRACKER_TIMEOUT' })
    for (const drip of drips) clearInterval(drip)
  })

  test('a name server that does not answer: TRACKER_TIMEOUT', async () => {
    const silent = (): Promise<readonly string[]> => new Promise(() => {})
    await assert.rejects(get('http://tracker.example/announce', { timeoutMs: 20 }, { resolve: silent }), { code: 'TRACKER_TIMEOUT' })
  })

  test('something that is not HTTP: TRACKER_INVALID_RESPONSE', async () => {
    const port = await listen(
      createTcpServer((socket) => {
        socket.on('error', () => {})
        socket.end('\x13BitTorrent protocol and more of it\r\n\r\n')
      }),
    )
    await assert.rejects(get(`http://127.0.0.1:${port}/announce`), { code: 'TRACKER_INVALID_RESPONSE' })
  })

  test('a body that ends too early: TRACKER_UNREACHABLE', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'Content-Length': 100 })
      response.write('x')
      setImmediate(() => response.destroy())
    })
    await assert.rejects(get(url), { code: 'TRACKER_UNREACHABLE' })
  })

  test('a certificate that nobody vouches for: TRACKER_UNREACHABLE, and the text says why', async (t) => {
    const certificate = makeCertificate()
    if (certificate === undefined) return t.skip('openssl is not here to make a certificate')
    const port = await listen(createHttpsServer(certificate, (_, response) => response.end('secret')))
    await assert.rejects(get(`https://127.0.0.1:${port}/announce`), {
      code: 'TRACKER_UNREACHABLE',
      message: /certificate cannot be trusted/,
    })
  })

  test('of several addresses the one that listens answers, and the name is resolved once', async () => {
    const { port } = new URL(await serve((_, response) => response.end('here')))
    let questions = 0
    const resolve = (): Promise<readonly string[]> => {
      questions++
      return Promise.resolve(['::1', '127.0.0.1'])
    }
    const url = `http://tracker.example:${port}/announce`
    assert.equal(text((await get(url, {}, { resolve })).body), 'here')
    assert.equal(questions, 1)
    assert.equal(text((await get(url, { family: 4 }, { resolve })).body), 'here')
    await assert.rejects(get(url, { family: 6 }, { resolve }), { code: 'TRACKER_UNREACHABLE' })
  })

  describe('addresses that a stranger could mean ill with', () => {
    const linuxOnly = process.platform === 'linux' ? false : 'only Linux has all of 127.0.0.0/8 at hand'

    for (const path of ['/', '/transmission/rpc', '/api?next=/announce', '/ann%6funce', '//x']) {
      test(`this machine at ${path}: TRACKER_URL_REFUSED`, async () => {
        for (const host of ['127.0.0.1', '127.9.9.9', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433', '169.254.169.254']) {
          await assert.rejects(get(`http://${host}${path}`), { code: 'TRACKER_URL_REFUSED' }, host)
        }
      })
    }

    test('addresses of nobody: TRACKER_URL_REFUSED', async () => {
      for (const host of ['0.0.0.0', '255.255.255.255', '224.0.0.1', '[::]', '[ff02::1]', '0']) {
        await assert.rejects(get(`http://${host}/announce`), { code: 'TRACKER_URL_REFUSED' }, host)
      }
    })

    test('a name that leads to this machine is judged by where it leads', async () => {
      const resolve = (): Promise<readonly string[]> => Promise.resolve(['127.0.0.1'])
      await assert.rejects(get('http://innocent.example/admin', {}, { resolve }), { code: 'TRACKER_URL_REFUSED' })
    })

    test('a redirect may lead sideways or out, never further in', { skip: linuxOnly }, async () => {
      const order: Record<string, AddressReach> = { '127.0.0.1': 'public', '127.0.0.2': 'private', '127.0.0.3': 'local' }
      const hosts = Object.keys(order)
      const hits: string[] = []
      const ports = new Map<string, number>()
      for (const host of hosts) {
        const server = createHttpServer((request, response) => {
          const to = new URL(request.url ?? '', 'http://x').searchParams.get('to')
          hits.push(host)
          if (to === null) response.end('arrived')
          else response.writeHead(302, { Location: `http://${to}:${ports.get(to)}/announce` }).end()
        })
        ports.set(host, await listen(server, host))
      }
      const reachOf = (address: string): AddressReach => order[address] ?? 'none'
      for (const [fromIndex, from] of hosts.entries()) {
        for (const [toIndex, to] of hosts.entries()) {
          hits.length = 0
          const asking = get(`http://${from}:${ports.get(from)}/announce?to=${to}`, {}, { reachOf })
          if (toIndex <= fromIndex) {
            assert.equal(text((await asking).body), 'arrived')
          } else {
            await assert.rejects(asking, { code: 'TRACKER_URL_REFUSED' })
            assert.deepEqual(hits, [from], 'the inner host was not even knocked at')
          }
        }
      }
    })

    test('a redirect to a file, with a password, or out of the announce path on this machine: TRACKER_URL_REFUSED', async () => {
      for (const location of ['file:///etc/passwd', 'http://a:b@127.0.0.1/announce', 'ftp://127.0.0.1/announce', '/admin']) {
        const url = await serve((_, response) => response.writeHead(302, { Location: location }).end())
        await assert.rejects(get(url), { code: 'TRACKER_URL_REFUSED' }, location)
      }
    })

    test("a message holds the host and never the path, which may be somebody's key", async () => {
      for (const url of [
        'http://127.0.0.1:1/secret/announce?key=secret',
        'http://127.0.0.1/secret',
        'http://me:secret@127.0.0.1/announce',
      ]) {
        await assert.rejects(get(url), (error: Error) => !error.message.includes('secret'))
      }
    })
  })
})

/** A self-signed certificate for localhost; undefined on a machine without openssl. */
function makeCertificate(): { readonly key: string; readonly cert: string } | undefined {
  const key =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1'
  try {
    const pem = execFileSync('openssl', [...key.split(' '), '-keyout', '-', '-out', '-'], {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const certAt = pem.indexOf('-----BEGIN CERTIFICATE')
    return { key: pem.slice(0, certAt), cert: pem.slice(certAt) }
  } catch {
    return undefined
  }
}
