import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { runChild } from '../../test/twins/child.ts'
import type { ByteStream } from '../ports/network.ts'
import { NodeNetwork } from './network.ts'

const linuxOnly = process.platform === 'linux' ? false : 'this needs Linux'

/** What both twins do is in `test/twins`; here is what only real sockets can show. */
describe('NodeNetwork', () => {
  const network = new NodeNetwork()

  test('without a host it listens on IPv6 and IPv4 with one port, and calls IPv4 by its own name', async (t) => {
    const remotes: string[] = []
    const streams: ByteStream[] = []
    const listener = await network.listen({ port: 0 }, (stream) => {
      remotes.push(stream.remote.host)
      streams.push(stream)
    })
    for (const host of ['127.0.0.1', '::1']) {
      try {
        streams.push(await network.dial({ host, port: listener.port }, { timeoutMs: 2000 }))
      } catch (error) {
        if (host === '127.0.0.1') throw error
        t.diagnostic('this machine has no IPv6 on loopback')
        remotes.push(host)
      }
    }
    while (remotes.length < 2) await new Promise((resolve) => setImmediate(resolve))
    for (const stream of streams) stream.destroy()
    await listener.close()
    assert.deepEqual(remotes, ['127.0.0.1', '::1'])
  })

  test('a frame in shared memory can be sent', async () => {
    const frame = new Uint8Array(new SharedArrayBuffer(100_000)).fill(7)
    let byteCount = 0
    let sum = 0
    const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (stream) =>
      stream.start({
        onData: (chunk) => {
          byteCount += chunk.length
          for (const byte of chunk) sum += byte
        },
        onDrain: () => {},
        onClose: () => {},
      }),
    )
    const stream = await network.dial({ host: '127.0.0.1', port: listener.port }, { timeoutMs: 2000 })
    await new Promise<void>((resolve) => {
      stream.start({ onData: () => {}, onDrain: () => {}, onClose: () => resolve() })
      stream.write(frame)
      stream.end()
    })
    await listener.close()
    assert.deepEqual([byteCount, sum], [100_000, 700_000])
  })

  test('a system port is not for everybody: PORT_NOT_ALLOWED says which to choose', { skip: linuxOnly }, async (t) => {
    const source = `
      const { NodeNetwork } = await import(node + '/network.ts')
      try { await (await new NodeNetwork().listen({ port: 81 }, () => {})).close(); console.log('allowed') }
      catch (error) { console.log(error.code + ' ' + error.message) }`
    const child = runChild(source, [], process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534, stdio: ['pipe', 'pipe', 'ignore'] } : {})
    const answer = await child.line()
    if (answer === undefined) return t.skip('another user cannot run the program here')
    if (answer === 'allowed') return t.skip('this machine gives system ports to everybody')
    assert.match(answer, /^PORT_NOT_ALLOWED .*Choose a port from 1024 to 65535/)
  })

  test('a process without descriptors left refuses connections and lives on', { skip: linuxOnly }, async () => {
    const source = `
      const { NodeNetwork } = await import(node + '/network.ts')
      const listener = await new NodeNetwork().listen({ host: '127.0.0.1', port: 0 }, (stream) =>
        stream.start({ onData: (chunk) => { stream.write(chunk.slice()) }, onDrain() {}, onClose() {} }))
      console.log(listener.port)`
    const child = runChild(source, ['sh', '-c', 'ulimit -n 48; exec "$@"', 'sh'])
    const port = Number(await child.line())
    const sockets: Socket[] = []
    let closed = 0
    for (let index = 0; index < 80; index++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {}).on('close', () => closed++)
      sockets.push(socket)
    }
    while (closed < 30) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const socket of sockets) socket.destroy()
    const echo = await new Promise<string>((resolve, reject) => {
      const attempt = (left: number): void => {
        const socket = connect(port, '127.0.0.1', () => socket.write('alive'))
        let isDone = false
        socket.on('error', () => {})
        socket.once('data', (bytes) => {
          isDone = true
          socket.destroy()
          resolve(bytes.toString())
        })
        socket.once('close', () => {
          if (isDone) return
          if (left === 0) reject(new Error('it accepts nobody any more'))
          else setTimeout(attempt, 20, left - 1)
        })
      }
      attempt(50)
    })
    assert.equal(echo, 'alive')
    assert.equal(child.process.exitCode, null)
    child.process.kill('SIGKILL')
    await child.exit
  })

  test('a host that does not answer: NETWORK_TIMEOUT', { skip: linuxOnly }, async (t) => {
    // A process that never accepts: once its queue is full, the system answers no further call.
    const source = `
      const { createServer } = await import('node:net')
      const server = createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
        console.log(server.address().port)
        setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 20)
      })`
    const child = runChild(source)
    const port = Number(await child.line())
    await new Promise((resolve) => setTimeout(resolve, 60))
    const codes: unknown[] = []
    for (let index = 0; index < 5 && codes.length === 0; index++) {
      try {
        const stream = await network.dial({ host: '127.0.0.1', port }, { timeoutMs: 150 })
        t.after(() => stream.destroy())
      } catch (error) {
        codes.push((error as { code?: string }).code)
      }
    }
    child.process.kill('SIGKILL')
    await child.exit
    assert.deepEqual(codes, ['NETWORK_TIMEOUT'])
  })

  test('a peer that was killed is a reset or an end, never a crash', async () => {
    const source = `
      const { createServer } = await import('node:net')
      const server = createServer((socket) => socket.pause()).listen(0, '127.0.0.1', () => console.log(server.address().port))`
    const child = runChild(source)
    const stream = await network.dial({ host: '127.0.0.1', port: Number(await child.line()) }, { timeoutMs: 2000 })
    let sent = 0
    let writes = 0
    const error = await new Promise<Error | undefined>((resolve) => {
      stream.start({ onData: () => {}, onDrain: () => {}, onClose: resolve })
      for (let isReady = true; isReady; writes++) isReady = stream.write(new Uint8Array(1_000_000), () => sent++)
      setTimeout(() => child.process.kill('SIGKILL'), 20)
    })
    assert.equal((error as { code?: string } | undefined)?.code, 'NETWORK_RESET')
    assert.equal(sent, writes)
    await child.exit
  })
})
