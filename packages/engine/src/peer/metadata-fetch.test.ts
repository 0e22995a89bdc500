import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { LARGEST_METADATA, MetadataFetch, type MetadataOutcome } from './metadata-fetch.ts'

const PIECE = 16_384

function metadata(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) & 255)
}

function fetchOf(truth: Uint8Array): MetadataFetch {
  return new MetadataFetch({ isRight: (raw) => raw.length === truth.length && raw.every((byte, at) => byte === truth[at]) })
}

function pieceOf(truth: Uint8Array, piece: number): Uint8Array {
  return truth.subarray(piece * PIECE, Math.min(truth.length, (piece + 1) * PIECE))
}

function give(fetch: MetadataFetch, peer: number, piece: number, truth: Uint8Array, now = 0): MetadataOutcome {
  return fetch.onData(peer, piece, truth.length, pieceOf(truth, piece), now)
}

describe('MetadataFetch', () => {
  const truth = metadata(3 * PIECE + 100)

  test('fetches from several peers at once, at most two requests each', () => {
    const fetch = fetchOf(truth)
    assert.ok(fetch.onPeer(1, truth.length))
    assert.ok(fetch.onPeer(2, truth.length))
    assert.deepEqual([fetch.next(1, 0), fetch.next(1, 0), fetch.next(1, 0)], [0, 1, undefined])
    assert.deepEqual([fetch.next(2, 0), fetch.next(2, 0), fetch.next(2, 0)], [2, 3, undefined])
    for (const [peer, piece] of [
      [2, 3],
      [1, 1],
      [2, 2],
    ] as const) {
      assert.equal(give(fetch, peer, piece, truth).type, 'more')
    }
    const outcome = give(fetch, 1, 0, truth)
    assert.ok(outcome.type === 'complete')
    assert.deepEqual(outcome.raw, truth)
    assert.deepEqual(outcome.liars, [])
  })

  test('does not hear claims that are too large or no size at all', () => {
    const fetch = fetchOf(truth)
    for (const claim of [0, -1, 1.5, Number.NaN, Infinity, LARGEST_METADATA + 1, 2 ** 31]) {
      assert.ok(!fetch.onPeer(1, claim))
      assert.equal(fetch.next(1, 0), undefined)
    }
    assert.ok(fetch.onPeer(1, LARGEST_METADATA))
  })

  test('keeps a copy: the message buffer is used again', () => {
    const small = metadata(10)
    const fetch = fetchOf(small)
    fetch.onPeer(1, 10)
    fetch.next(1, 0)
    const buffer = small.slice()
    const outcome = fetch.onData(1, 0, 10, buffer, 0)
    buffer.fill(0)
    assert.ok(outcome.type === 'complete')
    assert.deepEqual(outcome.raw, small)
  })

  test('believes the claim of most peers, and leaves the others aside', () => {
    const fetch = fetchOf(truth)
    fetch.onPeer(1, 5)
    fetch.onPeer(2, truth.length)
    fetch.onPeer(3, truth.length)
    assert.equal(fetch.next(1, 0), undefined)
    assert.equal(fetch.next(2, 0), 0)
    assert.equal(fetch.size, truth.length)
  })

  test('turns to another claim when nobody who made the first can be asked', () => {
    const fetch = fetchOf(truth)
    fetch.onPeer(1, 5)
    assert.equal(fetch.next(1, 0), 0)
    fetch.onPeer(2, truth.length)
    assert.equal(fetch.next(2, 0), undefined)
    fetch.onReject(1, 0, 0)
    assert.equal(fetch.next(2, 0), 0)
    assert.equal(fetch.size, truth.length)
  })

  test('asks elsewhere after ten seconds of silence', () => {
    const fetch = fetchOf(metadata(100))
    fetch.onPeer(1, 100)
    fetch.onPeer(2, 100)
    assert.equal(fetch.next(1, 0), 0)
    fetch.tick(9_999)
    assert.equal(fetch.next(2, 9_999), undefined)
    fetch.tick(10_000)
    assert.equal(fetch.next(2, 10_000), 0)
    assert.equal(fetch.next(1, 10_000), undefined)
  })

  test('asks a silent peer again later, since there may be no other', () => {
    const fetch = fetchOf(metadata(100))
    fetch.onPeer(1, 100)
    fetch.next(1, 0)
    fetch.tick(10_000)
    assert.equal(fetch.next(1, 19_999), undefined)
    assert.equal(fetch.next(1, 20_000), 0)
  })

  test('welcomes what comes late', () => {
    const small = metadata(100)
    const fetch = fetchOf(small)
    fetch.onPeer(1, 100)
    fetch.next(1, 0)
    fetch.tick(10_000)
    assert.equal(fetch.onData(1, 0, 100, small, 11_000).type, 'complete')
  })

  test('leaves a peer that rejects alone for a while', () => {
    const fetch = fetchOf(truth)
    fetch.onPeer(1, truth.length)
    fetch.onPeer(2, truth.length)
    fetch.next(1, 0)
    fetch.onReject(1, 0, 0)
    assert.equal(fetch.next(1, 29_999), undefined)
    assert.equal(fetch.next(2, 0), 0)
    assert.equal(fetch.next(1, 30_000), 1)
  })

  test('does not care for data and rejects that it did not ask for', () => {
    const fetch = fetchOf(truth)
    fetch.onPeer(1, truth.length)
    fetch.onPeer(2, truth.length)
    fetch.next(1, 0)
    assert.equal(give(fetch, 2, 0, truth).type, 'more')
    assert.equal(give(fetch, 1, 3, truth).type, 'more')
    assert.equal(give(fetch, 9, 0, truth).type, 'more')
    assert.equal(fetch.onData(1, 1e9, truth.length, truth, 0).type, 'more')
    fetch.onReject(2, 0, 0)
    fetch.onReject(1, 77, 0)
    assert.equal(fetch.next(2, 0), 1)
  })

  test('blames a peer that contradicts its own claim', () => {
    const fetch = fetchOf(truth)
    fetch.onPeer(1, truth.length)
    fetch.next(1, 0)
    assert.deepEqual(fetch.onData(1, 0, truth.length + 1, pieceOf(truth, 0), 0), { type: 'bad', liars: [1] })
    assert.ok(!fetch.onPeer(1, truth.length))
    fetch.onPeer(2, truth.length)
    fetch.next(2, 0)
    assert.deepEqual(fetch.onData(2, 0, undefined, pieceOf(truth, 0).subarray(1), 0), { type: 'bad', liars: [2] })
  })

  test('blames the only sender of metadata with a wrong hash', () => {
    const fetch = fetchOf(metadata(100))
    fetch.onPeer(1, 100)
    fetch.next(1, 0)
    assert.deepEqual(fetch.onData(1, 0, 100, new Uint8Array(100), 0), { type: 'bad', liars: [1] })
    fetch.onPeer(2, 100)
    assert.equal(fetch.next(2, 0), 0)
    assert.equal(fetch.onData(2, 0, 100, metadata(100), 0).type, 'complete')
  })

  test('asks one peer at a time after a common attempt failed, and finds its liar in the end', () => {
    const fetch = fetchOf(truth)
    for (const peer of [1, 2, 3]) fetch.onPeer(peer, truth.length)
    assert.deepEqual([fetch.next(1, 0), fetch.next(1, 0), fetch.next(2, 0), fetch.next(2, 0)], [0, 1, 2, 3])
    give(fetch, 1, 0, truth)
    give(fetch, 1, 1, truth)
    fetch.onData(2, 2, truth.length, new Uint8Array(PIECE), 0)
    assert.deepEqual(give(fetch, 2, 3, truth), { type: 'bad', liars: [] })

    assert.deepEqual([fetch.next(3, 0), fetch.next(1, 0), fetch.next(2, 0), fetch.next(3, 0)], [0, undefined, undefined, 1])
    give(fetch, 3, 0, truth)
    give(fetch, 3, 1, truth)
    assert.deepEqual([fetch.next(3, 0), fetch.next(3, 0)], [2, 3])
    give(fetch, 3, 2, truth)
    const outcome = give(fetch, 3, 3, truth)
    assert.ok(outcome.type === 'complete')
    assert.deepEqual(outcome.liars, [2])
  })

  test('goes on with the next peer when the only one falls silent or leaves', () => {
    const fetch = fetchOf(truth)
    for (const peer of [1, 2, 3]) fetch.onPeer(peer, truth.length)
    for (const peer of [1, 1, 2, 2]) fetch.next(peer, 0)
    for (const piece of [0, 1]) fetch.onData(1, piece, truth.length, new Uint8Array(PIECE), 0)
    give(fetch, 2, 2, truth)
    assert.equal(give(fetch, 2, 3, truth).type, 'bad')
    assert.equal(fetch.next(1, 0), 0)
    fetch.tick(10_000)
    assert.equal(fetch.next(2, 10_000), 0)
    fetch.onPeerGone(2)
    assert.equal(fetch.next(3, 10_000), 0)
  })

  test('gets the truth whatever the others do, as long as one honest peer stays', () => {
    const act = fc.tuple(fc.nat(5), fc.constantFrom('right', 'wrong', 'short', 'size', 'reject', 'silence'))
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.array(fc.integer({ min: 1, max: 4 * PIECE }), { maxLength: 3 }), (acts, claims) => {
        const fetch = fetchOf(truth)
        for (const peer of [0, 1, 2, 3, 4, 5]) fetch.onPeer(peer, claims[peer] ?? truth.length)
        let now = 0
        let complete: Uint8Array | undefined
        const note = (outcome: MetadataOutcome): void => {
          if (outcome.type === 'complete') complete = outcome.raw
          if (outcome.type === 'bad') assert.ok(!outcome.liars.includes(5), 'the honest peer is never blamed')
        }
        for (const [peer, how] of acts) {
          now += 500
          const piece = fetch.next(peer, now)
          if (piece === undefined || complete !== undefined) continue
          if (peer === 5 || how === 'right') note(give(fetch, peer, piece, truth, now))
          else if (how === 'wrong')
            note(fetch.onData(peer, piece, fetch.size, new Uint8Array(Math.min(PIECE, fetch.size - piece * PIECE)), now))
          else if (how === 'short') note(fetch.onData(peer, piece, undefined, new Uint8Array(1), now))
          else if (how === 'size') note(fetch.onData(peer, piece, 3, new Uint8Array(3), now))
          else if (how === 'reject') fetch.onReject(peer, piece, now)
          fetch.tick(now)
        }
        for (const peer of [0, 1, 2, 3, 4]) fetch.onPeerGone(peer)
        for (let step = 0; step < 400 && complete === undefined; step++) {
          now += 500
          fetch.tick(now)
          const piece = fetch.next(5, now)
          if (piece !== undefined) note(give(fetch, 5, piece, truth, now))
        }
        assert.deepEqual(complete, truth)
      }),
    )
  })
})
