import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { HubError, startHub } from './hub.ts'

describe('startHub', () => {
  test('serves HTTP and UDP on the same port number', async () => {
    const hub = await startHub({ port: 0 })
    assert.equal(hub.httpPort, hub.udpPort)
    assert.deepEqual(hub.urls, { http: `http://127.0.0.1:${hub.httpPort}/announce`, udp: `udp://127.0.0.1:${hub.httpPort}/announce` })
    assert.deepEqual([hub.stats().peers, hub.stats().swarms], [0, 0])
    await hub.close()
  })

  test('says what to do when the port is taken, on TCP or on UDP', async () => {
    const isInUse = (error: unknown) => error instanceof HubError && error.code === 'PORT_IN_USE' && /another port/.test(error.message)
    const hub = await startHub({ port: 0 })
    await assert.rejects(startHub({ port: hub.httpPort }), isInUse)
    await hub.close()

    const other = createSocket('udp4')
    other.bind(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address()
    await assert.rejects(startHub({ port }), isInUse)
    // and it has not kept the TCP half
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
    other.close()
  })

  test('knows a host that is not this machine, and options that make no sense', async () => {
    await assert.rejects(startHub({ host: '192.0.2.77', port: 0 }), { code: 'HOST_UNAVAILABLE' })
    await assert.rejects(startHub({ port: 70_000 }), { code: 'OPTION_INVALID' })
    await assert.rejects(startHub({ port: 0, tracker: { intervalSeconds: 0 } }), { code: 'OPTION_INVALID' })
    await assert.rejects(startHub({ port: 0, tracker: { peerLifetimeMinutes: 1e9 } }), { code: 'OPTION_INVALID' })
    await assert.rejects(startHub({ port: 0, tracker: { trustedProxies: ['10.0.0.0/40'] } }), {
      code: 'OPTION_INVALID',
      message: /10\.0\.0\.0\/8/,
    })
    await assert.rejects(startHub({ port: 0, tracker: { publicAddresses: ['hub.example'] } }), { code: 'OPTION_INVALID' })
  })

  test('serves every address when asked to', async () => {
    for (const host of ['0.0.0.0', 'localhost']) {
      const hub = await startHub({ host, port: 0 })
      assert.equal(await (await fetch(`http://localhost:${hub.httpPort}/healthz`)).text(), 'ok\n')
      await hub.close()
    }
  })

  test('closes at once though connections are open and idle', async () => {
    const hub = await startHub({ port: 0 })
    const agent = new Agent({ keepAlive: true })
    const response = await new Promise<IncomingMessage>((resolve) => {
      get({ agent, port: hub.httpPort, host: '127.0.0.1', path: '/healthz' }, resolve)
    })
    response.resume()
    await once(response, 'end')
    const silent = connect(hub.httpPort, '127.0.0.1')
    await once(silent, 'connect')
    const halfway = connect(hub.httpPort, '127.0.0.1', () => halfway.write('GET / HTTP/1.1\r\nHo'))
    halfway.on('error', () => {})
    await once(halfway, 'ready')

    const started = performance.now()
    const ended = Promise.all([once(silent, 'close'), once(halfway, 'close')])
    silent.resume()
    halfway.resume()
    await hub.close()
    assert.ok(performance.now() - started < 1_000)
    await ended
    agent.destroy()
    // the port is free again
    const again = await startHub({ port: hub.httpPort })
    await again.close()
  })

  test('drops connections above its limit and serves the others', async () => {
    const hub = await startHub({ port: 0, maxHttpConnections: 3 })
    const sockets = []
    for (let i = 0; i < 3; i++) {
      const socket = connect(hub.httpPort, '127.0.0.1')
      await once(socket, 'connect')
      sockets.push(socket)
    }
    const fourth = connect(hub.httpPort, '127.0.0.1').resume()
    fourth.on('error', () => {})
    await once(fourth, 'close')
    sockets[0]!.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const [answer] = (await once(sockets[0]!, 'data')) as [Buffer]
    assert.match(answer.toString(), /200 OK/)
    for (const socket of sockets) socket.destroy()
    await hub.close()
  })

  test('knows its swarms again after a restart, and starts without them when their file is broken', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-hub-'))
    const swarmFile = join(folder, 'swarms')
    const notices: string[] = []
    const start = () => startHub({ port: 0, stateDirectory: folder, onNotice: (text) => notices.push(text) })
    const first = await start()
    const query = `info_hash=${'h'.repeat(20)}&peer_id=${'p'.repeat(20)}&port=7001&left=0`
    await (await fetch(`${first.urls.http}?${query}`)).bytes()
    await first.close()

    const second = await start()
    assert.deepEqual([second.stats().swarms, second.stats().peers, notices], [1, 1, []])
    await second.close()

    writeFileSync(swarmFile, 'garbage')
    const third = await start()
    assert.equal(third.stats().peers, 0)
    assert.match(notices.join('\n'), /^The swarms of last time cannot be used: .*kept as .*swarms\.unusable-\d+$/)
    await third.close()
    rmSync(folder, { recursive: true })
  })
})
