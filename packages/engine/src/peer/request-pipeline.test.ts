import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RequestPipeline } from './request-pipeline.ts'

const BLOCK = 16_384

/** A peer at the other end of a line: it answers in order, as fast as the line lets it. */
class SimulatedPeer {
  readonly pipeline: RequestPipeline = new RequestPipeline({ now: 0 })
  now = 0
  received = 0
  bytesPerMs: number
  roundTripMs: number
  deepest = 0
  /** Memory is short where its blocks go. */
  isLean = false
  /** There is no more to ask of it at once, whatever the depth. */
  mostOut = Number.POSITIVE_INFINITY
  #freeAt = 0
  #nextBlock = 0
  readonly #arrivals: { readonly at: number; readonly pieceIndex: number; readonly begin: number }[] = []

  constructor(bytesPerSecond: number, roundTripMs: number) {
    this.bytesPerMs = bytesPerSecond / 1000
    this.roundTripMs = roundTripMs
  }

  ask(): void {
    const depth = this.pipeline.depth(this.now, this.isLean)
    this.deepest = Math.max(this.deepest, depth)
    while (this.pipeline.outstanding < Math.min(depth, this.mostOut)) {
      const pieceIndex = this.#nextBlock >> 4
      const begin = (this.#nextBlock & 15) * BLOCK
      this.#nextBlock++
      this.pipeline.add(pieceIndex, begin, BLOCK, this.now)
      this.#freeAt = Math.max(this.#freeAt, this.now + this.roundTripMs / 2) + BLOCK / this.bytesPerMs
      this.#arrivals.push({ at: this.#freeAt + this.roundTripMs / 2, pieceIndex, begin })
    }
  }

  run(until: number): void {
    this.ask()
    while (this.#arrivals.length > 0 && this.#arrivals[0]!.at <= until) {
      const { at, pieceIndex, begin } = this.#arrivals.shift()!
      this.now = at
      assert.ok(this.pipeline.onBlock(pieceIndex, begin, BLOCK, at))
      this.received += BLOCK
      this.ask()
    }
    this.now = until
  }
}

describe('RequestPipeline depth', () => {
  test('starts with sixteen blocks', () => {
    assert.equal(new RequestPipeline({ now: 7 }).depth(7), 16)
  })

  for (const { bytesPerSecond, roundTripMs } of [
    { bytesPerSecond: 200_000, roundTripMs: 20 },
    { bytesPerSecond: 5_000_000, roundTripMs: 5 },
    { bytesPerSecond: 20_000_000, roundTripMs: 100 },
  ]) {
    test(`where memory is short, keeps ${bytesPerSecond} bytes a second over ${roundTripMs} ms busy with little`, () => {
      const peer = new SimulatedPeer(bytesPerSecond, roundTripMs)
      peer.pipeline.setRemoteLimit(4096)
      peer.run(10_000)
      peer.isLean = true
      peer.run(12_000)
      const before = peer.received
      peer.deepest = 0
      peer.run(17_000)
      assert.ok(peer.received - before >= 0.95 * 5 * bytesPerSecond, String(peer.received - before))
      const travels = (bytesPerSecond * roundTripMs) / 1000 / BLOCK
      const queued = (bytesPerSecond * 0.1) / BLOCK
      assert.ok(peer.deepest <= Math.max(4, 1.3 * (travels + queued) + 1), String(peer.deepest))
    })
  }

  test('fills 1 Gbit/s over 100 ms within five seconds', () => {
    const peer = new SimulatedPeer(125_000_000, 100)
    peer.pipeline.setRemoteLimit(4096)
    peer.run(5_000)
    assert.ok(peer.pipeline.depth(5_000) >= 0.9 * 763, `depth ${peer.pipeline.depth(5_000)}`)
    assert.ok(peer.received > 0.75 * 5 * 125_000_000, `received ${peer.received}`)
    const before = peer.received
    peer.run(65_000)
    const rate = (peer.received - before) / 60
    assert.ok(rate > 0.97 * 125_000_000, `rate ${rate}`)
    assert.ok(peer.pipeline.depth(65_000) <= 4 * 763, `depth ${peer.pipeline.depth(65_000)}`)
  })

  test('goes on with slow start when at first there was little to ask for', () => {
    const peer = new SimulatedPeer(125_000_000, 100)
    peer.pipeline.setRemoteLimit(4096)
    peer.mostOut = 20
    peer.run(1_000)
    peer.mostOut = Number.POSITIVE_INFINITY
    peer.run(2_500)
    assert.ok(peer.pipeline.depth(2_500) >= 0.9 * 763, `depth ${peer.pipeline.depth(2_500)}`)
  })

  test('fills the line also without slow start, by asking for twice what comes', () => {
    const peer = new SimulatedPeer(2_000_000, 100)
    peer.pipeline.setRemoteLimit(4096)
    peer.run(10_000)
    peer.bytesPerMs = 125_000
    peer.run(16_000)
    assert.ok(peer.pipeline.depth(16_000) >= 0.9 * 763, `depth ${peer.pipeline.depth(16_000)}`)
  })

  test('does not grow without end because its own requests wait at the peer', () => {
    const peer = new SimulatedPeer(10_000_000, 20)
    peer.pipeline.setRemoteLimit(4096)
    peer.run(120_000)
    assert.ok(peer.pipeline.depth(120_000) <= 64, `depth ${peer.pipeline.depth(120_000)}`)
    assert.ok(peer.pipeline.baseRoundTripMs < 60)
  })

  test('asks only a few blocks of a slow peer', () => {
    const peer = new SimulatedPeer(50_000, 60)
    peer.run(20_000)
    assert.ok(peer.deepest <= 32, `deepest ${peer.deepest}`)
    assert.ok(peer.pipeline.depth(20_000) <= 8, `depth ${peer.pipeline.depth(20_000)}`)
    assert.ok(!peer.pipeline.isSnubbed(20_000))
    assert.ok(peer.received > 0.9 * 20 * 50_000)
  })

  test('keeps one to four MiB out on a loopback', () => {
    const peer = new SimulatedPeer(1_000_000_000, 1)
    peer.pipeline.setRemoteLimit(2000)
    for (let now = 250; now <= 3_000; now += 250) {
      peer.run(now)
      const depth = peer.pipeline.depth(now)
      assert.ok(depth >= 64 && depth <= 256, `depth ${depth} at ${now}`)
    }
  })

  test('does not take a peer that warms up for a long line', () => {
    const peer = new SimulatedPeer(20_000_000, 0.4)
    peer.pipeline.setRemoteLimit(500)
    for (let now = 1; now < 1_000; now += 1) {
      peer.bytesPerMs = Math.min(1_000_000, 20_000 + 2_000 * now)
      peer.run(now)
    }
    assert.ok(peer.deepest <= 192, `deepest ${peer.deepest}`)
  })

  test('shrinks when the rate drops', () => {
    const peer = new SimulatedPeer(50_000_000, 100)
    peer.pipeline.setRemoteLimit(4096)
    peer.run(10_000)
    const before = peer.pipeline.depth(10_000)
    assert.ok(before > 300)
    peer.bytesPerMs = 200
    peer.run(30_000)
    assert.ok(peer.pipeline.depth(30_000) <= 26, `depth ${peer.pipeline.depth(30_000)}`)
  })

  test('never asks for more than the peer queues, nor more than 4096', () => {
    const small = new SimulatedPeer(125_000_000, 300)
    small.pipeline.setRemoteLimit(40)
    small.run(5_000)
    assert.equal(small.deepest, 40)
    const silent = new SimulatedPeer(125_000_000, 300)
    silent.run(5_000)
    assert.equal(silent.deepest, 250)
    const huge = new SimulatedPeer(1_250_000_000, 300)
    huge.pipeline.setRemoteLimit(1e9)
    huge.run(4_000)
    assert.equal(huge.deepest, 4096)
  })

  test('does not believe a nonsensical queue length', () => {
    for (const nonsense of [0, -5, Number.NaN]) {
      const pipeline = new RequestPipeline({ now: 0 })
      pipeline.setRemoteLimit(nonsense)
      assert.equal(pipeline.depth(0), 16)
    }
  })

  test('recovers the true base round trip after it was learned on a crowded line', () => {
    const peer = new SimulatedPeer(20_000_000, 400)
    peer.pipeline.setRemoteLimit(4096)
    peer.run(8_000)
    peer.roundTripMs = 50
    peer.run(60_000)
    assert.ok(peer.pipeline.depth(60_000) <= 2 * 2 * 62, `depth ${peer.pipeline.depth(60_000)}`)
  })
})

describe('RequestPipeline and silence', () => {
  test('calls a stalled peer snubbed within three seconds and asks one block of it', () => {
    const peer = new SimulatedPeer(10_000_000, 50)
    peer.run(5_000)
    assert.ok(!peer.pipeline.isSnubbed(6_500))
    assert.ok(peer.pipeline.isSnubbed(8_000))
    assert.equal(peer.pipeline.depth(8_000), 1)
  })

  test('waits a little longer for the first block of all', () => {
    const pipeline = new RequestPipeline({ now: 0 })
    assert.ok(!pipeline.isSnubbed(60_000), 'nothing was asked')
    pipeline.add(0, 0, BLOCK, 60_000)
    assert.ok(!pipeline.isSnubbed(62_500))
    assert.ok(pipeline.isSnubbed(63_000))
  })

  test('gives a slow peer four round trips, but never more than ten seconds', () => {
    const pipeline = new RequestPipeline({ now: 0 })
    pipeline.add(0, 0, BLOCK, 0)
    pipeline.onBlock(0, 0, BLOCK, 1_000)
    pipeline.add(0, BLOCK, BLOCK, 1_000)
    assert.ok(!pipeline.isSnubbed(4_900))
    assert.ok(pipeline.isSnubbed(5_000))
    const slower = new RequestPipeline({ now: 0 })
    slower.add(0, 0, BLOCK, 0)
    slower.onBlock(0, 0, BLOCK, 2_900)
    slower.add(0, BLOCK, BLOCK, 2_900)
    assert.ok(!slower.isSnubbed(12_800))
    assert.ok(slower.isSnubbed(12_900))
  })

  test('stays snubbed when what it owes is cancelled, and recovers with the next block', () => {
    const pipeline = new RequestPipeline({ now: 0 })
    pipeline.add(0, 0, BLOCK, 0)
    assert.ok(pipeline.isSnubbed(4_000))
    pipeline.clear(() => undefined)
    assert.equal(pipeline.depth(4_000), 1)
    pipeline.add(0, BLOCK, BLOCK, 4_000)
    assert.equal(pipeline.depth(4_001), 1)
    assert.ok(pipeline.onBlock(0, BLOCK, BLOCK, 4_100))
    assert.ok(!pipeline.isSnubbed(4_100))
    assert.ok(pipeline.depth(4_100) >= 4)
  })
})

describe('RequestPipeline bookkeeping', () => {
  test('knows what was asked, once', () => {
    const pipeline = new RequestPipeline({ now: 0 })
    pipeline.add(3, BLOCK, 1000, 5)
    assert.ok(pipeline.has(3, BLOCK))
    assert.equal(pipeline.oldestAgeMs(9), 4)
    assert.ok(!pipeline.onBlock(3, BLOCK, 999, 10), 'another length is another block')
    assert.ok(!pipeline.onBlock(2, BLOCK, 1000, 10))
    assert.ok(pipeline.onBlock(3, BLOCK, 1000, 10))
    assert.ok(!pipeline.onBlock(3, BLOCK, 1000, 11))
    assert.equal(pipeline.outstanding, 0)
    assert.equal(pipeline.oldestAgeMs(12), 0)
  })

  test('lets the callback of clear ask anew', () => {
    const pipeline = new RequestPipeline({ now: 0 })
    for (let index = 0; index < 5; index++) pipeline.add(index, 0, BLOCK, 0)
    const cleared: number[] = []
    pipeline.clear((pieceIndex) => {
      cleared.push(pieceIndex)
      pipeline.add(pieceIndex + 100, 0, BLOCK, 0)
    })
    assert.deepEqual(cleared, [0, 1, 2, 3, 4])
    assert.equal(pipeline.outstanding, 5)
  })

  test('agrees with a plain map, in the order of asking', () => {
    const command = fc.tuple(fc.constantFrom('add', 'add', 'add', 'block', 'remove', 'clear'), fc.nat(40), fc.nat(7))
    fc.assert(
      fc.property(fc.array(command, { maxLength: 600 }), (commands) => {
        const pipeline = new RequestPipeline({ now: 0 })
        const twin = new Map<string, [number, number, number]>()
        let now = 0
        for (const [name, piece, block] of commands) {
          now += 3
          const pieceIndex = piece * 50_000_017
          const begin = block * BLOCK
          const key = `${pieceIndex}:${begin}`
          if (name === 'add' && !twin.has(key)) {
            pipeline.add(pieceIndex, begin, BLOCK - block, now)
            twin.set(key, [pieceIndex, begin, BLOCK - block])
          } else if (name === 'block') assert.equal(pipeline.onBlock(pieceIndex, begin, BLOCK - block, now), twin.delete(key))
          else if (name === 'remove') assert.equal(pipeline.remove(pieceIndex, begin), twin.delete(key))
          else if (name === 'clear' && block === 0) {
            pipeline.clear(() => undefined)
            twin.clear()
          }
          assert.equal(pipeline.outstanding, twin.size)
        }
        const out: [number, number, number][] = []
        pipeline.forEach((pieceIndex, begin, length) => void out.push([pieceIndex, begin, length]))
        assert.deepEqual(out, [...twin.values()])
      }),
    )
  })
})
