import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ByteStream, Endpoint, Listener } from '../../src/ports/network.ts'
import { rejectsWith, TWINS, type World } from './twins.ts'

const MIB = 1024 * 1024

/** What a stream told its owner. */
class Ear {
  readonly stream: ByteStream
  readonly chunks: Uint8Array[] = []
  byteCount = 0
  drains = 0
  closes: (Error | undefined)[] = []
  callsAfterClose = 0

  constructor(stream: ByteStream) {
    this.stream = stream
  }

  listen(): this {
    this.stream.start({
      onData: (chunk) => {
        if (this.closes.length > 0) this.callsAfterClose++
        this.chunks.push(chunk.slice())
        this.byteCount += chunk.length
      },
      onDrain: () => {
        if (this.closes.length > 0) this.callsAfterClose++
        this.drains++
      },
      onClose: (error) => {
        this.closes.push(error)
      },
    })
    return this
  }

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks))
  }
}

for (const twin of TWINS) {
  describe(`network (${twin.name})`, () => {
    let world: World
    let listener: Listener | undefined
    beforeEach(() => {
      world = twin.open()
    })
    afterEach(async () => {
      if (listener !== undefined) await world.run(listener.close())
      listener = undefined
      await world.close()
    })

    /** Both ends of one connection, neither started. */
    async function connect(): Promise<{ dialed: Ear; accepted: Ear }> {
      let accepted: ByteStream | undefined
      listener = await world.run(
        world.there.listen({ port: 0 }, (stream) => {
          accepted = stream
        }),
      )
      const dialed = await world.run(world.here.dial({ host: world.thereAddress, port: listener.port }, { timeoutMs: 2000 }))
      await world.until(() => accepted !== undefined)
      return { dialed: new Ear(dialed), accepted: new Ear(accepted!) }
    }

    function hangUp(...ears: Ear[]): Promise<void> {
      for (const { stream } of ears) stream.destroy()
      return world.until(() => ears.every((ear) => ear.closes.length === 1))
    }

    /** Writes until the stream says stop. @returns how many bytes it took. */
    function fill(stream: ByteStream, onSent?: () => void): number {
      const frame = new Uint8Array(256 * 1024)
      let byteCount = 0
      for (let isReady = true; isReady && byteCount < 64 * MIB; byteCount += frame.length) isReady = stream.write(frame, onSent)
      return byteCount
    }

    describe('streams', () => {
      test('bytes arrive whole and in order, in both directions', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        accepted.listen()
        const there = world.system.randomBytes(3 * MIB + 17)
        const back = world.system.randomBytes(100_001)
        for (let at = 0; at < there.length; at += 70_001) dialed.stream.write(there.subarray(at, at + 70_001))
        accepted.stream.write(back)
        await world.until(() => accepted.byteCount >= there.length && dialed.byteCount >= back.length)
        assert.deepEqual(accepted.bytes, there)
        assert.deepEqual(dialed.bytes, back)
        await hangUp(dialed, accepted)
      })

      test('each end knows where the other is', async () => {
        const { dialed, accepted } = await connect()
        assert.deepEqual(dialed.stream.remote, { host: world.thereAddress, port: listener!.port })
        assert.equal(accepted.stream.remote.host, world.hereAddress)
        assert.ok(accepted.stream.remote.port > 0)
        await hangUp(dialed.listen(), accepted.listen())
      })

      test('a chunk is a plain Uint8Array, whose slice is a copy', async () => {
        const { dialed, accepted } = await connect()
        const kinds: (string | undefined)[] = []
        for (const { stream } of [dialed, accepted]) {
          stream.start({ onData: (chunk) => kinds.push(chunk.constructor.name), onDrain: () => {}, onClose: () => {} })
          stream.write(Uint8Array.of(1, 2, 3))
        }
        await world.until(() => kinds.length === 2)
        assert.deepEqual(kinds, ['Uint8Array', 'Uint8Array'])
        dialed.stream.destroy()
        accepted.stream.destroy()
        await world.calm()
      })

      test('nothing is delivered before start', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        dialed.stream.write(Uint8Array.of(1, 2, 3))
        await world.calm()
        assert.equal(accepted.byteCount, 0)
        accepted.listen()
        assert.equal(accepted.byteCount, 0, 'not from inside start either')
        await world.until(() => accepted.byteCount === 3)
        await hangUp(dialed, accepted)
      })

      test('onSent is called once for each write, in order', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        accepted.listen()
        const sent: number[] = []
        for (let index = 0; index < 50; index++) dialed.stream.write(new Uint8Array(1000 * index), () => sent.push(index))
        await world.until(() => sent.length >= 50)
        await world.calm()
        assert.deepEqual(
          sent,
          Array.from({ length: 50 }, (_, index) => index),
        )
        assert.equal(dialed.stream.bufferedBytes, 0)
        await hangUp(dialed, accepted)
      })

      test('a reader who does not read makes write say stop, and onDrain follows when it reads again', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        accepted.listen()
        accepted.stream.pause()
        let byteCount = fill(dialed.stream)
        // What the systems hold on the way empties the queue a few times; then it stays full.
        for (let before = -1; before !== dialed.drains; ) {
          before = dialed.drains
          await world.calm()
          if (dialed.drains !== before) byteCount += fill(dialed.stream)
        }
        assert.ok(dialed.stream.bufferedBytes >= MIB / 2, `${dialed.stream.bufferedBytes} bytes wait`)
        const { drains } = dialed
        accepted.stream.resume()
        await world.until(() => dialed.drains === drains + 1 && accepted.byteCount === byteCount)
        assert.equal(dialed.stream.bufferedBytes, 0)
        await hangUp(dialed, accepted)
      })

      test('pause from inside onData stops at once', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        let calls = 0
        accepted.stream.start({
          onData: () => {
            calls++
            accepted.stream.pause()
          },
          onDrain: () => {},
          onClose: () => {},
        })
        dialed.stream.write(new Uint8Array(700_000))
        await world.until(() => calls === 1)
        await world.calm()
        assert.equal(calls, 1)
        accepted.stream.resume()
        await world.until(() => calls === 2)
        dialed.stream.destroy()
        accepted.stream.destroy()
        await world.calm()
      })

      test('end sends what waits, then both ends close without an error', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        accepted.listen()
        const byteCount = fill(dialed.stream)
        dialed.stream.end()
        await world.until(() => dialed.closes.length === 1 && accepted.closes.length === 1)
        assert.equal(accepted.byteCount, byteCount)
        assert.deepEqual([...dialed.closes, ...accepted.closes], [undefined, undefined])
      })

      test('after the other side has ended, what waits here is still sent', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        accepted.listen()
        const byteCount = fill(dialed.stream)
        accepted.stream.end()
        await world.until(() => dialed.closes.length === 1 && accepted.closes.length === 1)
        assert.deepEqual([...dialed.closes, ...accepted.closes], [undefined, undefined])
        assert.equal(accepted.byteCount, 0, 'who has said goodbye is not told any more')
        assert.ok(byteCount > 0)
      })

      test('destroy gives its reason back, and the other end hears of the end', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        accepted.listen()
        const reason = new Error('enough')
        dialed.stream.destroy(reason)
        assert.deepEqual(dialed.closes, [], 'onClose never comes from inside destroy')
        await world.until(() => dialed.closes.length === 1 && accepted.closes.length === 1)
        assert.deepEqual([...dialed.closes, ...accepted.closes], [reason, undefined])
      })

      test('an end that is destroyed with bytes unread resets the other', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        accepted.listen()
        accepted.stream.pause()
        fill(dialed.stream)
        await world.calm()
        accepted.stream.destroy()
        await world.until(() => dialed.closes.length === 1)
        const [error] = dialed.closes
        assert.equal(error instanceof Error && 'code' in error ? error.code : error, 'NETWORK_RESET')
      })

      test('what could not be sent comes back through onSent, once, before onClose', async () => {
        const { dialed, accepted } = await connect()
        accepted.listen()
        accepted.stream.pause()
        const order: string[] = []
        dialed.stream.start({ onData: () => {}, onDrain: () => {}, onClose: () => order.push('close') })
        let writes = 0
        for (let isReady = true; isReady; writes++) isReady = dialed.stream.write(new Uint8Array(MIB / 2), () => order.push('sent'))
        for (let index = 0; index < 40; index++, writes++) dialed.stream.write(new Uint8Array(MIB / 2), () => order.push('sent'))
        dialed.stream.destroy()
        await world.until(() => order.includes('close'))
        await world.calm()
        assert.equal(order.length, writes + 1)
        assert.equal(order.at(-1), 'close')
        accepted.stream.destroy()
        await world.calm()
      })

      test('a dead stream takes nothing, and says so', async () => {
        const { dialed, accepted } = await connect()
        await hangUp(dialed.listen(), accepted.listen())
        let sent = 0
        assert.equal(
          dialed.stream.write(Uint8Array.of(1), () => sent++),
          false,
        )
        assert.equal(sent, 0, 'never from inside write')
        await world.until(() => sent === 1)
        dialed.stream.destroy()
        dialed.stream.end()
        dialed.stream.resume()
        await world.calm()
        assert.equal(dialed.closes.length, 1)
        assert.equal(dialed.callsAfterClose + accepted.callsAfterClose, 0)
      })

      test('a stream that died before start tells it on start', async () => {
        const { dialed, accepted } = await connect()
        const reason = new Error('too many')
        accepted.stream.destroy(reason)
        await world.calm()
        accepted.listen()
        dialed.listen()
        await world.until(() => accepted.closes.length === 1 && dialed.closes.length === 1)
        assert.deepEqual(accepted.closes, [reason])
      })
    })

    describe('dial', () => {
      test('nobody listens: NETWORK_REFUSED', async () => {
        const gone = await world.run(world.there.listen({ port: 0 }, () => {}))
        await world.run(gone.close())
        await rejectsWith('NETWORK_REFUSED', world.run(world.here.dial({ host: world.thereAddress, port: gone.port }, { timeoutMs: 2000 })))
      })

      test('something that is not an endpoint: NETWORK_FAILED', async () => {
        for (const remote of [
          { host: 'example.org', port: 80 },
          { host: world.thereAddress, port: 0 },
          { host: world.thereAddress, port: 70_000 },
        ]) {
          await rejectsWith('NETWORK_FAILED', world.run(world.here.dial(remote, { timeoutMs: 2000 })))
        }
      })

      test('called off before and during: CLOSED', async () => {
        listener = await world.run(world.there.listen({ port: 0 }, (stream) => stream.destroy()))
        const remote = { host: world.thereAddress, port: listener.port }
        await rejectsWith('CLOSED', world.run(world.here.dial(remote, { timeoutMs: 2000, signal: AbortSignal.abort() })))
        const controller = new AbortController()
        const dialing = world.here.dial(remote, { timeoutMs: 2000, signal: controller.signal })
        controller.abort()
        await rejectsWith('CLOSED', world.run(dialing))
      })
    })

    describe('listener', () => {
      test('a port can be had once: PORT_IN_USE', async () => {
        listener = await world.run(world.there.listen({ port: 0 }, () => {}))
        await rejectsWith('PORT_IN_USE', world.run(world.there.listen({ port: listener.port }, () => {})))
      })

      test('close frees the port and leaves live connections alone', async () => {
        const { dialed, accepted } = await connect()
        dialed.listen()
        accepted.listen()
        const { port } = listener!
        await world.run(listener!.close())
        listener = await world.run(world.there.listen({ port }, () => {}))
        dialed.stream.write(Uint8Array.of(1))
        await world.until(() => accepted.byteCount === 1)
        await hangUp(dialed, accepted)
      })
    })

    describe('datagrams', () => {
      test('go both ways and know where they come from', async () => {
        const heard: { text: string; from: Endpoint }[] = []
        const onDatagram = (bytes: Uint8Array, from: Endpoint): void => {
          heard.push({ text: Buffer.from(bytes).toString(), from })
        }
        const one = await world.run(world.here.openDatagrams({ family: 4 }, onDatagram))
        const two = await world.run(world.there.openDatagrams({ family: 4 }, onDatagram))
        const pooled = new Uint8Array(Buffer.from('there'))
        one.send(pooled, { host: world.thereAddress, port: two.port })
        pooled.fill(0) // who sends from a pool does not wait
        await world.until(() => heard.length === 1)
        two.send(new Uint8Array(Buffer.from('back')), heard[0]!.from)
        await world.until(() => heard.length === 2)
        assert.deepEqual(heard, [
          { text: 'there', from: { host: world.hereAddress, port: one.port } },
          { text: 'back', from: { host: world.thereAddress, port: two.port } },
        ])
        one.close()
        two.close()
      })

      test('a destination that refuses, makes no sense or is of the other family harms nothing', async () => {
        let heard = 0
        const one = await world.run(world.here.openDatagrams({ family: 4 }, () => {}))
        const two = await world.run(world.there.openDatagrams({ family: 4 }, () => heard++))
        const dead = await world.run(world.there.openDatagrams({ family: 4 }, () => {}))
        dead.close()
        for (let index = 0; index < 5; index++) one.send(new Uint8Array(10), { host: world.thereAddress, port: dead.port })
        for (const to of [
          { host: '::1', port: 9 },
          { host: 'example.org', port: 9 },
          { host: world.thereAddress, port: 0 },
          { host: world.thereAddress, port: 99_999 },
        ]) {
          one.send(new Uint8Array(10), to)
        }
        one.send(new Uint8Array(100_000), { host: world.thereAddress, port: two.port })
        await world.calm()
        one.send(new Uint8Array(10), { host: world.thereAddress, port: two.port })
        await world.until(() => heard === 1)
        one.close()
        one.send(new Uint8Array(10), { host: world.thereAddress, port: two.port })
        one.close()
        two.close()
        await world.calm()
        assert.equal(heard, 1)
      })

      test('a port can be had once: PORT_IN_USE', async () => {
        const one = await world.run(world.here.openDatagrams({ family: 4 }, () => {}))
        await rejectsWith('PORT_IN_USE', world.run(world.here.openDatagrams({ family: 4, port: one.port }, () => {})))
        one.close()
      })
    })

    describe('names', () => {
      test('an IP literal is its own answer', async () => {
        assert.deepEqual(await world.run(world.here.resolve('192.0.2.7')), ['192.0.2.7'])
        assert.deepEqual(await world.run(world.here.resolve('2001:db8::1')), ['2001:db8::1'])
      })
    })

    describe('get', () => {
      const body = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
      const ask = (url: string, more: object = {}): ReturnType<World['here']['get']> =>
        world.run(world.here.get({ url, timeoutMs: 2000, maxBytes: 1000, ...more }))

      test('the body and the status come as they are, and the query goes as it is', async () => {
        const targets: string[] = []
        const origin = await world.serveHttp((target) => {
          targets.push(target)
          return { status: 404, body: body('d14:failure reason2:noe') }
        })
        const { status, body: answer } = await ask(`${origin}/announce?info_hash=%00%ff%2F&x=1`)
        assert.equal(status, 404)
        assert.deepEqual(answer, body('d14:failure reason2:noe'))
        assert.deepEqual(targets, ['/announce?info_hash=%00%ff%2F&x=1'])
      })

      test('redirects are followed five times', async () => {
        let left = 5
        const origin = await world.serveHttp(() =>
          left-- > 0 ? { status: 302, body: body(''), location: '/announce/next' } : { status: 200, body: body('here') },
        )
        assert.deepEqual((await ask(`${origin}/announce`)).body, body('here'))
        left = 6
        await rejectsWith('TRACKER_INVALID_RESPONSE', ask(`${origin}/announce`))
      })

      test('a body over the limit: TRACKER_RESPONSE_TOO_LARGE', async () => {
        const origin = await world.serveHttp(() => ({ status: 200, body: new Uint8Array(1001) }))
        await rejectsWith('TRACKER_RESPONSE_TOO_LARGE', ask(`${origin}/announce`))
      })

      test('no answer in time: TRACKER_TIMEOUT; called off: CLOSED', async () => {
        const origin = await world.serveHttp(() => ({ status: 200, body: body(''), isSilent: true }))
        await rejectsWith('TRACKER_TIMEOUT', ask(`${origin}/announce`, { timeoutMs: 60 }))
        const controller = new AbortController()
        const asking = world.here.get({ url: `${origin}/announce`, timeoutMs: 2000, maxBytes: 1000, signal: controller.signal })
        controller.abort()
        await rejectsWith('CLOSED', world.run(asking))
      })

      test('addresses that are not for us: TRACKER_URL_REFUSED', async () => {
        for (const url of ['ftp://127.0.0.1/announce', 'file:///etc/passwd', 'http://user:secret@127.0.0.1/announce', 'nonsense']) {
          await rejectsWith('TRACKER_URL_REFUSED', ask(url))
        }
      })

      test('nobody there: TRACKER_UNREACHABLE', async () => {
        const gone = await world.run(world.here.listen({ port: 0 }, () => {}))
        await world.run(gone.close())
        await rejectsWith('TRACKER_UNREACHABLE', ask(`http://${world.hereAddress}:${gone.port}/announce`))
      })
    })
  })
}
