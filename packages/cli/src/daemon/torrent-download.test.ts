import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { ProblemError } from '@shoal/api/problem'
import { isInternalAddress } from './internal-address.ts'
import { downloadTorrent } from './torrent-download.ts'

describe('a torrent from the web', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections()
  })

  async function serve(answer: RequestListener, host = '127.0.0.1'): Promise<string> {
    const server = createServer(answer)
    servers.push(server)
    await new Promise<void>((resolve) => void server.listen(0, host, resolve))
    return `http://${host}:${(server.address() as AddressInfo).port}`
  }

  test('comes over redirects', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/old') response.writeHead(302, { location: '/new' }).end()
      else response.end('bytes')
    })
    assert.equal(new TextDecoder().decode(await downloadTorrent(`${url}/old`)), 'bytes')
  })

  test('is not looked for inside this network when a public server says so', async () => {
    const inside = await serve((_, response) => response.end('secret'), '127.0.0.2')
    const url = await serve((_, response) => response.writeHead(302, { location: inside }).end())
    const options = { isInternal: (ip: string) => ip !== '127.0.0.1' }
    await assert.rejects(downloadTorrent(url, options), /from a public server to 127\.0\.0\.2 inside this network/)
    // Asked for by its address it is what the person wants.
    assert.equal(new TextDecoder().decode(await downloadTorrent(inside, options)), 'secret')
  })

  test('is looked for by name with the same care', async () => {
    const url = await serve((_, response) => response.end('bytes'))
    const asked: string[] = []
    await downloadTorrent(url.replace('127.0.0.1', 'localhost'), {
      isInternal: (ip) => {
        asked.push(ip)
        return true
      },
    })
    assert.ok(asked.includes('127.0.0.1'))
  })

  test('is refused when it is too large, missing, or goes round in circles', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/large') response.end(Buffer.alloc(11 << 20))
      else if (request.url === '/circle') response.writeHead(301, { location: '/circle' }).end()
      else response.writeHead(404).end()
    })
    const refused = (path: string, code: string) =>
      assert.rejects(downloadTorrent(`${url}${path}`), (error) => error instanceof ProblemError && error.code === code)
    await refused('/large', 'TOO_LARGE')
    await refused('/circle', 'VALIDATION')
    await refused('/missing', 'NOT_FOUND')
  })

  test('has an address without names, passwords and other schemes', async () => {
    for (const address of ['ftp://127.0.0.1/a', 'http://an:secret@127.0.0.1/', 'file:///etc/passwd', 'nonsense']) {
      await assert.rejects(downloadTorrent(address), (error) => error instanceof ProblemError && error.code === 'VALIDATION')
    }
  })

  test('can be called off', async () => {
    const url = await serve(() => {})
    const abort = new AbortController()
    const download = downloadTorrent(url, { signal: abort.signal })
    abort.abort()
    await assert.rejects(download)
  })
})

describe('an internal address', () => {
  test('is one of this machine and its networks, however it is written', () => {
    for (const ip of ['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1']) {
      assert.ok(isInternalAddress(ip), ip)
    }
    for (const ip of ['::1', '::', 'fd00::1', 'fe80::1', 'ff02::1', '::ffff:127.0.0.1', '64:ff9b::a00:1', 'no address']) {
      assert.ok(isInternalAddress(ip), ip)
    }
    for (const ip of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2001:db8::1', '::ffff:8.8.8.8']) assert.ok(!isInternalAddress(ip), ip)
  })
})
