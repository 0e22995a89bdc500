import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { ProblemError, problemOf } from '@shoal/api/problem'
import { WebSocketServer } from 'ws'
import { openControlSocket, type SocketEnd } from './control-socket.ts'

async function listen(context: TestContext, answer: RequestListener = () => undefined): Promise<{ server: Server; url: string }> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function endOf(url: string, token?: string): Promise<SocketEnd> {
  return new Promise((resolve) => {
    openControlSocket(url, token, { onOpen: () => undefined, onText: () => undefined, onHeartbeat: () => undefined, onEnd: resolve })
  })
}

describe('the socket to a hub', () => {
  test('tells why a hub does not take it, in the words of the hub', async (context) => {
    const problem = problemOf(new ProblemError('NOT_SIGNED_IN', 'This hub is for its members'))
    const { url } = await listen(context, (_request, response) => {
      response.writeHead(401, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
    })
    assert.deepEqual(await endOf(url), { reason: 'This hub is for its members', status: 401, problem })
  })

  test('believes nobody who is no hub', async (context) => {
    const { url } = await listen(context, ({ url: path }, response) => {
      if (path?.startsWith('/moved') === true) response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
      else response.writeHead(404, { 'content-type': 'application/json' }).end('{"code":"x"}')
    })
    assert.deepEqual(await endOf(url), { reason: 'the hub answers with the status 404', status: 404 })
    assert.deepEqual(await endOf(`${url}/moved`), { reason: 'the hub answers with the status 302', status: 302 })
    const { server, url: gone } = await listen(context)
    server.close()
    assert.deepEqual(await endOf(gone), { reason: 'nothing listens there' })
  })

  test('says who the peer is, passes text on, and hears heartbeats', async (context) => {
    const { server, url } = await listen(context)
    const hub = new WebSocketServer({ server })
    const heard: string[] = []
    hub.on('connection', (socket, request) => {
      heard.push(`${request.url} ${request.headers.authorization}`)
      socket.send(new Uint8Array([1, 2]))
      socket.send('welcome')
      socket.on('message', (data) => {
        heard.push((data as Buffer).toString())
        socket.ping()
      })
    })
    const news: string[] = []
    const end = await new Promise<SocketEnd>((resolve) => {
      const socket = openControlSocket(`${url}/hub`, 'secret', {
        onOpen: () => socket.send('hello'),
        onText: (text) => news.push(text),
        onHeartbeat: () => {
          news.push('beat')
          socket.close()
        },
        onEnd: resolve,
      })
    })
    assert.deepEqual(end, { reason: 'the hub closed the channel' })
    assert.deepEqual(news, ['welcome', 'beat'])
    assert.deepEqual(heard, ['/hub/v1/control Bearer secret', 'hello'])
  })
})
