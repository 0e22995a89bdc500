import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ByteStream } from '../ports/network.ts'
import { POISON } from './byte-stream.ts'
import type { SimHost } from './host.ts'
import { SimNetwork, type SimNetworkOptions } from './network.ts'
import { SimSystem } from './system.ts'

const HERE = '10.0.0.1'
const THERE = '10.0.0.2'
const MB = 1_000_000

interface Talk {
  readonly system: SimSystem
  readonly world: SimNetwork
  readonly here: SimHost
  readonly there: SimHost
  readonly dialed: ByteStream
  readonly accepted: ByteStream
  readonly received: { bytes: number; finishedMs: number }
  readonly closes: { here: (Error | undefined)[]; there: (Error | undefined)[] }
}

const codeOf = (error: unknown): unknown => (error as { code?: string } | undefined)?.code

/** Two hosts with one connection, both ends started. */
async function talk(seed: string | number, options: SimNetworkOptions = {}, rates: { up?: number; down?: number } = {}): Promise<Talk> {
  const system = new SimSystem({ seed })
  const world = new SimNetwork(system, options)
  const here = world.host(HERE, rates.up === undefined ? {} : { upBytesPerSecond: rates.up })
  const there = world.host(THERE, rates.down === undefined ? {} : { downBytesPerSecond: rates.down })
  const received = { bytes: 0, finishedMs: 0 }
  const closes: Talk['closes'] = { here: [], there: [] }
  let accepted: ByteStream | undefined
  await system.complete(
    there.listen({ port: 6881 }, (stream) => {
      accepted = stream
      stream.start({
        onData: (chunk) => {
          received.bytes += chunk.length
          received.finishedMs = system.now()
        },
        onDrain: () => {},
        onClose: (error) => closes.there.push(error),
      })
    }),
  )
  const dialed = await system.complete(here.dial({ host: THERE, port: 6881 }, { timeoutMs: 30_000 }))
  dialed.start({ onData: () => {}, onDrain: () => {}, onClose: (error) => closes.here.push(error) })
  await system.runUntil(() => accepted !== undefined, 30_000)
  return { system, world, here, there, dialed, accepted: accepted!, received, closes }
}

describe('SimNetwork', () => {
  test('one seed gives one story to the last bit, another seed another', async () => {
    const story = async (seed: number): Promise<string> => {
      const { system, dialed, received } = await talk(seed, { link: { jitterMs: 5, loss: 0.05 } })
      for (let write = 0; write < 30; write++) dialed.write(new Uint8Array(100_000))
      await system.runUntil(() => received.bytes === 3 * MB, 600_000)
      assert.equal(received.bytes, 3 * MB)
      return `${system.digest} ${system.now()}`
    }
    assert.equal(await story(1), await story(1))
    assert.notEqual(await story(1), await story(2))
  })

  for (const side of ['up', 'down'] as const) {
    test(`a rate of 1 MB/s ${side} lets 2 MB through in 2 s`, async () => {
      const { system, dialed, received } = await talk(1, {}, { [side]: MB })
      const start = system.now()
      for (let write = 0; write < 20; write++) dialed.write(new Uint8Array(100_000))
      await system.runUntil(() => received.bytes === 2 * MB, 10_000)
      const seconds = (received.finishedMs - start) / 1000
      assert.ok(seconds > 2 && seconds < 2.2, `${seconds} s`)
    })
  }

  test('the connections of a host share its wire', async () => {
    const { system, dialed, there, here, received } = await talk(1, {}, { up: MB })
    let other = 0
    await system.complete(
      there.listen({ port: 7000 }, (stream) =>
        stream.start({
          onData: (chunk) => {
            other += chunk.length
          },
          onDrain: () => {},
          onClose: () => {},
        }),
      ),
    )
    const second = await system.complete(here.dial({ host: THERE, port: 7000 }, { timeoutMs: 1000 }))
    for (let write = 0; write < 40; write++) {
      dialed.write(new Uint8Array(100_000))
      second.write(new Uint8Array(100_000))
    }
    await system.run(4000)
    const share = received.bytes / (received.bytes + other)
    assert.ok(Math.abs(share - 0.5) < 0.1, `${share}`)
  })

  test('a chunk is poisoned after its time', async () => {
    const { system, there, here } = await talk(1)
    const kept: Uint8Array[] = []
    await system.complete(
      there.listen({ port: 7000 }, (stream) => stream.start({ onData: (chunk) => kept.push(chunk), onDrain: () => {}, onClose: () => {} })),
    )
    const stream = await system.complete(here.dial({ host: THERE, port: 7000 }, { timeoutMs: 1000 }))
    stream.write(Uint8Array.of(1, 2, 3))
    await system.run(1000)
    assert.deepEqual([...kept[0]!], [POISON, POISON, POISON])
  })

  test('during a partition streams are silent; afterwards everything arrives', async () => {
    const { system, world, dialed, received, closes } = await talk(1)
    dialed.write(new Uint8Array(1000))
    world.partition([HERE], [THERE])
    dialed.write(new Uint8Array(2 * MB))
    await system.run(60_000)
    assert.equal(received.bytes, 0)
    assert.ok(dialed.bufferedBytes > MB, 'the window is full')
    world.heal()
    await system.runUntil(() => received.bytes === 2 * MB + 1000, 10_000)
    assert.equal(received.bytes, 2 * MB + 1000)
    assert.deepEqual(closes, { here: [], there: [] })
  })

  test('what was held back by a cut is not overtaken by what was on its way when it ended', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const system = new SimSystem({ seed })
      const world = new SimNetwork(system, { link: { latencyMs: 50, jitterMs: 30, loss: 0.1 }, stream: { longestCutBytes: 100 } })
      const [here, there] = [world.host(HERE, { upBytesPerSecond: 30_000 }), world.host(THERE, { downBytesPerSecond: 50_000 })]
      const received: number[] = []
      const onData = (chunk: Uint8Array): void => {
        received.push(...chunk)
      }
      await system.complete(there.listen({ port: 6881 }, (stream) => stream.start({ onData, onDrain: () => {}, onClose: () => {} })))
      const dialed = await system.complete(here.dial({ host: THERE, port: 6881 }, { timeoutMs: 30_000 }))
      dialed.start({ onData: () => {}, onDrain: () => {}, onClose: () => {} })
      const sent = Uint8Array.from({ length: 20_000 }, (_, at) => (at * 31 + (at >> 8)) & 0xff)
      dialed.write(sent)
      for (let cut = 0; cut < 10; cut++) {
        await system.run(20 + 7 * cut)
        world.partition([HERE], [THERE])
        await system.run(11 * (cut % 4))
        world.heal()
      }
      await system.run(60_000)
      assert.deepEqual(Uint8Array.from(received), sent, `seed ${seed}`)
    }
  })

  test('a silent host answers nothing, and what was tried meanwhile succeeds afterwards', async () => {
    const { system, world, here } = await talk(1)
    world.silence(THERE)
    await assert.rejects(system.complete(here.dial({ host: THERE, port: 6881 }, { timeoutMs: 3000 })), { code: 'NETWORK_TIMEOUT' })
    const dialing = here.dial({ host: THERE, port: 6881 }, { timeoutMs: 30_000 })
    await system.run(5000)
    world.unsilence(THERE)
    ;(await system.complete(dialing)).destroy()
  })

  test('a reset tears both ends', async () => {
    const { system, world, closes } = await talk(1)
    world.reset(HERE, THERE)
    await system.run(1000)
    assert.deepEqual(closes.here.map(codeOf), ['NETWORK_RESET'])
    assert.deepEqual(closes.there.map(codeOf), ['NETWORK_RESET'])
    assert.equal(world.openStreams, 0)
  })

  test('a killed process resets its peers, hears nothing more and can do nothing more', async () => {
    const { system, world, here, there, closes, accepted } = await talk(1)
    world.kill(THERE)
    await system.run(1000)
    assert.deepEqual(closes.here.map(codeOf), ['NETWORK_RESET'])
    assert.deepEqual(closes.there, [])
    assert.equal(
      accepted.write(new Uint8Array(1), () => assert.fail('a dead process was called')),
      false,
    )
    await assert.rejects(system.complete(there.listen({ port: 1234 }, () => {})), { code: 'CLOSED' })
    await assert.rejects(system.complete(here.dial({ host: THERE, port: 6881 }, { timeoutMs: 1000 })), { code: 'NETWORK_UNREACHABLE' })
    const reborn = world.host(THERE)
    await system.complete(reborn.listen({ port: 6881 }, () => {}))
    ;(await system.complete(here.dial({ host: THERE, port: 6881 }, { timeoutMs: 1000 }))).destroy()
    await system.run(1000)
  })

  test('behind a firewall nobody answers, but it can dial out', async () => {
    const { system, world, here } = await talk(1)
    const hidden = world.host('10.0.0.9', { isReachable: false })
    await system.complete(hidden.listen({ port: 6881 }, () => {}))
    await assert.rejects(system.complete(here.dial({ host: '10.0.0.9', port: 6881 }, { timeoutMs: 3000 })), { code: 'NETWORK_TIMEOUT' })
    ;(await system.complete(hidden.dial({ host: THERE, port: 6881 }, { timeoutMs: 3000 }))).destroy()
  })

  test('a host reaches itself by loopback', async () => {
    const { system, there } = await talk(1)
    const stream = await system.complete(there.dial({ host: '127.0.0.1', port: 6881 }, { timeoutMs: 1000 }))
    assert.equal(stream.remote.host, '127.0.0.1')
    stream.destroy()
  })

  test('system ports are not for everybody: PORT_NOT_ALLOWED', async () => {
    const { system, here } = await talk(1)
    await assert.rejects(system.complete(here.listen({ port: 80 }, () => {})), { code: 'PORT_NOT_ALLOWED' })
  })

  test('datagrams get lost, come twice and overtake each other, as often as the link says', async () => {
    const { system, here, there } = await talk(1, { link: { loss: 0.3, duplication: 0.1, jitterMs: 50 } })
    const heard: number[] = []
    const kept: Uint8Array[] = []
    const ear = await system.complete(
      there.openDatagrams({ family: 4 }, (bytes) => {
        heard.push(bytes[0]! * 256 + bytes[1]!)
        kept.push(bytes)
      }),
    )
    const mouth = await system.complete(here.openDatagrams({ family: 4 }, () => {}))
    for (let index = 0; index < 1000; index++) {
      mouth.send(Uint8Array.of(index >> 8, index & 255), { host: THERE, port: ear.port })
      await system.run(1)
    }
    await system.run(1000)
    const different = new Set(heard).size
    assert.ok(different > 640 && different < 760, `${different} of 1000 arrived`)
    assert.ok(heard.length > different, 'some came twice')
    assert.notDeepEqual(
      heard,
      heard.toSorted((a, b) => a - b),
    )
    assert.ok(kept.every((bytes) => bytes[0] === POISON))
  })

  test('names are looked up in the table of the world', async () => {
    const { system, world, here } = await talk(1)
    world.setName('tracker.example', [THERE, 'fd00::2'])
    assert.deepEqual(await system.complete(here.resolve('tracker.example')), [THERE, 'fd00::2'])
    await assert.rejects(system.complete(here.resolve('nobody.example')), { code: 'NETWORK_NAME_UNKNOWN' })
  })

  test('a web server is found by name or address, knows who asks, and may be cut off', async () => {
    const { system, world, here } = await talk(1)
    world.setName('tracker.example', [THERE])
    const asked: string[] = []
    world.serveHttp(`http://${THERE}:6880`, (target, from) => {
      asked.push(`${from} ${target}`)
      return { status: 200, body: Uint8Array.of(7) }
    })
    const request = { timeoutMs: 5000, maxBytes: 100 }
    for (const host of ['tracker.example', THERE]) {
      const { body } = await system.complete(here.get({ url: `http://${host}:6880/announce?x=%ff`, ...request }))
      assert.deepEqual([...body], [7])
    }
    assert.deepEqual(asked, [`${HERE} /announce?x=%ff`, `${HERE} /announce?x=%ff`])
    world.partition([HERE], [THERE])
    await assert.rejects(system.complete(here.get({ url: 'http://tracker.example:6880/announce', ...request })), {
      code: 'TRACKER_TIMEOUT',
    })
    world.heal()
    world.serveHttp(`http://${THERE}:6880`, undefined)
    await assert.rejects(system.complete(here.get({ url: 'http://tracker.example:6880/announce', ...request })), {
      code: 'TRACKER_UNREACHABLE',
    })
    await assert.rejects(system.complete(here.get({ url: 'http://nobody.example/announce', ...request })), { code: 'NETWORK_NAME_UNKNOWN' })
  })

  test('an end that the other side never answers is closed all the same', async () => {
    const { system, dialed, accepted, closes } = await talk(1)
    accepted.pause()
    dialed.write(new Uint8Array(100_000))
    dialed.end()
    await system.run(60_000)
    assert.deepEqual(closes.here, [undefined])
  })
})
