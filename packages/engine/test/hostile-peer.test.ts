import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeUtf8 } from '@shoal/protocol/bytes'
import { MESSAGE_ID as ID } from '@shoal/protocol/wire/message'
import { message, ScriptedPeer } from './scripted-peer.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World, type WorldPeer } from './world.ts'

const PIECE = 64 * 1024
const BLOCK = 16 * 1024

interface Misbehaviour {
  readonly what: string
  /** Undefined: it is put up with, within bounds, and others do not notice. */
  readonly isSentAwayWith: 'PEER_MISBEHAVED' | 'PEER_TIMEOUT' | 'before it was let in' | undefined
  /** Virtual time after which it must be gone (or, if it is put up with, the story ends). */
  readonly withinMs?: number
  readonly act: (peer: ScriptedPeer) => void | Promise<void>
}

function repeat(count: number, bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(count * bytes.length)
  for (let at = 0; at < count; at++) all.set(bytes, at * bytes.length)
  return all
}

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  {
    what: 'says nothing at all',
    isSentAwayWith: 'before it was let in',
    withinMs: 11_000,
    act: () => undefined,
  },
  {
    what: 'drips its handshake, one byte a second',
    isSentAwayWith: 'before it was let in',
    withinMs: 11_000,
    act: async (peer) => {
      const greeting = peer.greeting()
      for (let at = 0; at < 30 && !peer.isClosed; at++) {
        peer.say(greeting.subarray(at, at + 1))
        await peer.world.system.run(1_000)
      }
    },
  },
  {
    what: 'speaks HTTP',
    isSentAwayWith: 'before it was let in',
    act: (peer) => peer.say(encodeUtf8('GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nUser-Agent: something\r\nAccept: */*\r\n\r\n')),
  },
  {
    what: 'says messages before the handshake',
    isSentAwayWith: 'before it was let in',
    act: (peer) => peer.say(repeat(20, message(ID.unchoke)), peer.greeting()),
  },
  {
    what: 'asks for a torrent that is not here',
    isSentAwayWith: 'before it was let in',
    act: (peer) => {
      const greeting = peer.greeting()
      greeting[30]! ^= 0xff
      peer.say(greeting)
    },
  },
  {
    what: 'sends a bitfield that is too long',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.bitfield, [], new Uint8Array(1_000).fill(0xff)))
    },
  },
  {
    what: 'sends a bitfield with bits behind the last piece',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      const bits = peer.bitfield()
      bits[bits.length - 1] = 0xff
      peer.say(bits)
    },
  },
  {
    what: 'sends its bitfield again and again',
    isSentAwayWith: undefined,
    act: (peer) => {
      peer.greet()
      peer.say(repeat(10_000, peer.bitfield()))
    },
  },
  {
    what: 'has a piece that does not exist',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.haveNone), message(ID.have, [0xffff_ffff]))
    },
  },
  {
    what: 'announces a message of two gigabytes',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      peer.say(Uint8Array.of(0x7f, 0xff, 0xff, 0xff, ID.piece))
    },
  },
  {
    what: 'sends a request of the wrong length',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.request, [0, 0]))
    },
  },
  {
    what: 'asks for bytes behind the end of a piece',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.interested), message(ID.request, [0, PIECE - 100, BLOCK]))
    },
  },
  {
    what: 'asks for a megabyte at once',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.interested), message(ID.request, [0, 0, 1024 * 1024]))
    },
  },
  {
    what: 'asks and asks while it is choked',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      peer.say(repeat(20_000, message(ID.request, [0, 0, BLOCK])))
    },
  },
  {
    what: 'floods with requests while it is unchoked',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: async (peer) => {
      peer.greet()
      peer.say(message(ID.interested))
      await peer.world.system.runUntil(() => peer.heard.includes(ID.unchoke), 30_000)
      peer.say(repeat(50_000, message(ID.request, [0, 0, BLOCK])))
    },
  },
  {
    what: 'asks for blocks and does not read them',
    isSentAwayWith: undefined,
    withinMs: 60_000,
    act: async (peer) => {
      peer.greet()
      peer.say(message(ID.interested))
      await peer.world.system.runUntil(() => peer.heard.includes(ID.unchoke), 30_000)
      peer.stopReading()
      for (let block = 0; block < 400; block++) peer.say(message(ID.request, [0, 0, BLOCK]))
    },
  },
  {
    what: 'floods with cancels',
    isSentAwayWith: undefined,
    act: (peer) => {
      peer.greet()
      peer.say(repeat(50_000, message(ID.cancel, [0, 0, BLOCK])))
    },
  },
  {
    what: 'asks and cancels, and reads nothing of what is said to it',
    isSentAwayWith: 'PEER_MISBEHAVED',
    withinMs: 60_000,
    act: async (peer) => {
      peer.greet()
      peer.say(message(ID.interested))
      await peer.world.system.runUntil(() => peer.heard.includes(ID.unchoke), 30_000)
      peer.stopReading()
      const pair = new Uint8Array(34)
      pair.set(message(ID.request, [0, 0, BLOCK]))
      pair.set(message(ID.cancel, [0, 0, BLOCK]), 17)
      for (let turn = 0; turn < 10; turn++) peer.say(repeat(40_000, pair))
    },
  },
  {
    what: 'asks for metadata and reads nothing',
    isSentAwayWith: 'PEER_MISBEHAVED',
    withinMs: 60_000,
    act: (peer) => {
      peer.greet()
      peer.stopReading()
      peer.say(message(ID.extended, [], encodeUtf8('\u0000d1:md11:ut_metadatai9eee')))
      peer.say(repeat(30_000, message(ID.extended, [], encodeUtf8('\u0002d8:msg_typei0e5:piecei0ee'))))
    },
  },
  {
    what: 'changes its interest without end',
    isSentAwayWith: undefined,
    act: (peer) => {
      peer.greet()
      const flap = new Uint8Array(10)
      flap.set(message(ID.interested))
      flap.set(message(ID.notInterested), 5)
      peer.say(repeat(20_000, flap))
    },
  },
  {
    what: 'chokes and unchokes without end',
    isSentAwayWith: undefined,
    act: (peer) => {
      peer.greet()
      const flap = new Uint8Array(10)
      flap.set(message(ID.unchoke))
      flap.set(message(ID.choke), 5)
      peer.say(message(ID.haveAll), repeat(20_000, flap))
    },
  },
  {
    what: 'sends blocks that nobody asked for',
    isSentAwayWith: 'PEER_MISBEHAVED',
    withinMs: 20_000,
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.haveAll))
      for (let count = 0; count < 100; count++) peer.say(message(ID.piece, [count % 15, 0], new Uint8Array(BLOCK)))
    },
  },
  {
    what: 'has everything, lets us in, and sends nothing',
    isSentAwayWith: undefined,
    withinMs: 60_000,
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.haveAll), message(ID.unchoke))
    },
  },
  {
    what: 'rejects everything that it is asked for',
    isSentAwayWith: undefined,
    withinMs: 30_000,
    act: async (peer) => {
      peer.greet()
      peer.say(message(ID.haveAll), message(ID.unchoke))
      for (let turn = 0; turn < 50; turn++) {
        await peer.world.system.run(100)
        for (let piece = 0; piece < 15; piece++) {
          for (let begin = 0; begin < PIECE; begin += BLOCK) peer.say(message(ID.reject, [piece, begin, BLOCK]))
        }
      }
    },
  },
  {
    what: 'speaks of the fast extension without having said so',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet({ fast: false })
      peer.say(message(ID.haveAll))
    },
  },
  {
    what: 'sends extension messages without having said so',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet({ extensions: false })
      peer.say(message(ID.extended, [], Uint8Array.of(0, 0x64, 0x65)))
    },
  },
  {
    what: 'sends an extension handshake that is not bencode',
    isSentAwayWith: 'PEER_MISBEHAVED',
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.extended, [], encodeUtf8('\u0000this is no dictionary')))
    },
  },
  {
    what: 'asks for metadata without end',
    isSentAwayWith: 'PEER_MISBEHAVED',
    withinMs: 30_000,
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.extended, [], encodeUtf8('\u0000d1:md11:ut_metadatai9eee')))
      peer.say(repeat(30_000, message(ID.extended, [], encodeUtf8('\u0002d8:msg_typei0e5:piecei0ee'))))
    },
  },
  {
    what: 'grants us more pieces than there are, again and again',
    isSentAwayWith: undefined,
    act: (peer) => {
      peer.greet()
      peer.say(message(ID.haveAll))
      for (let piece = 0; piece < 15; piece++) peer.say(repeat(1_000, message(ID.allowedFast, [piece])))
    },
  },
  {
    what: 'says nothing after the handshake for two minutes',
    isSentAwayWith: 'PEER_TIMEOUT',
    withinMs: 125_000,
    act: (peer) => peer.greet(),
  },
]

/** The victim fetches and gives at the same time, slowly enough that the hostile peer meets it in the middle. */
async function meet(misbehaviour: Misbehaviour, seed: number): Promise<void> {
  const world = new World({ seed, link: { latencyMs: 5 } })
  const torrent = new SwarmTorrent({ seed: 'hostile', lengths: [15 * PIECE - 1234], pieceLength: PIECE, trackers: world.trackers })
  const host = { upBytesPerSecond: 256 * 1024 }
  await world.join('seed', torrent, { isSeed: true, host })
  const victim = await world.join('victim', torrent, { host, isMissing: (piece) => piece >= 4 })
  await world.until('the victim has begun', () => victim.toldOf('piece').length > 0)
  const hostile = await ScriptedPeer.dial(world, 'hostile', torrent, victim)
  const hostileAddress = world.peers.at(-1)!.address
  const beganAt = world.system.now()
  await misbehaviour.act(hostile)
  const withinMs = misbehaviour.withinMs ?? 10_000
  const later = await world.join('later', torrent, { host })
  if (misbehaviour.isSentAwayWith === undefined) {
    await world.run(withinMs)
    hostile.hangUp()
  } else {
    await world.until('it is sent away', () => hostile.isClosed, withinMs)
    assert.ok(hostile.closedAtMs! - beganAt <= withinMs + 30_000)
    const reasons = endsOf(victim, hostileAddress)
    const expected = misbehaviour.isSentAwayWith === 'before it was let in' ? [] : [misbehaviour.isSentAwayWith]
    assert.deepEqual(reasons, expected)
  }
  await world.until('the others are complete', () => victim.isDone && later.isDone)
  for (const peer of [victim, later]) {
    assert.deepEqual(torrent.differences(peer.disk, DIR), [], peer.name)
    for (const { text } of peer.toldOf('peer-banned')) assert.ok(text.startsWith(`${hostileAddress} `), text)
  }
  hostile.hangUp()
  await world.close()
}

/** Why the victim's connections with that address ended. */
function endsOf(victim: WorldPeer, address: string): string[] {
  return victim
    .toldOf('peer-disconnected')
    .filter(({ text }) => text.startsWith(`${address}:`))
    .map(({ text }) => text.split(' ')[1]!)
}

describe('a hostile peer harms nobody but itself when it', () => {
  for (const [at, misbehaviour] of MISBEHAVIOURS.entries()) test(misbehaviour.what, () => meet(misbehaviour, at + 1))
})
