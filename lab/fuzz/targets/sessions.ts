/**
 * A whole session in a simulated world, and one peer that says anything to it: with a torrent that it shares, fetches, or
 * knows only by its info hash. It may send that peer away; nothing else of it may suffer.
 */

import { Random, SimDisk, SimHasher, SimNetwork, SimSystem } from '@shoal/engine/simulation'
import { concatBytes, encodeUtf8, equalBytes, fromLatin1, toHex } from '@shoal/protocol/bytes'
import { ProtocolError } from '@shoal/protocol/errors'
import { encodeInfo, encodeMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { encodeExtensionHandshake } from '@shoal/protocol/wire/extension'
import { encodeHandshake } from '@shoal/protocol/wire/handshake'
import { encodeBitfield, encodeExtended, MESSAGE_ID, writePieceHeader, writeRequest, writeSimple } from '@shoal/protocol/wire/message'
import { encodeMetadataMessage } from '@shoal/protocol/wire/metadata'
import { EngineError } from '../../../packages/engine/src/base/errors.ts'
import type { ByteStream, Network } from '../../../packages/engine/src/ports/network.ts'
import { Session } from '../../../packages/engine/src/session/session.ts'
import { crc32 } from '../../../packages/engine/src/storage/crc32.ts'
import type { AddTorrent } from '../../../packages/engine/src/torrent/torrent-source.ts'
import { content, sha1, sha256 } from '../../fixtures/torrent-builder.ts'
import { expect, expectEqual, type FuzzTarget, isCaused } from '../target.ts'
import { MESSAGE_TOKENS } from '../tokens.ts'
import { messagesOf } from '../wire-grammar.ts'

const US = '10.0.0.1'
const THEM = '10.0.0.9'
const HONEST = '10.0.0.2'
const THEIR_PORT = 7_000
const PIECE_LENGTH = 64
const DATA = content(4 * PIECE_LENGTH + 7)
const FILES = [
  { path: ['t', 'a'], length: 100 },
  { path: ['t', 'empty'], length: 0 },
  { path: ['t', 'b'], length: DATA.length - 100 },
]
const PIECES = Array.from({ length: 5 }, (_, index) => DATA.subarray(index * PIECE_LENGTH, (index + 1) * PIECE_LENGTH))
const INFO = encodeInfo({ name: 't', pieceLength: PIECE_LENGTH, pieceHashes: concatBytes(PIECES.map(sha1)), files: FILES })
const METAINFO = encodeMetainfo({ infoRaw: INFO })
const INFO_HASH = sha1(INFO)

type Role = 'seed' | 'leech' | 'magnet'

const WHAT: Readonly<Record<Role, Partial<AddTorrent>>> = {
  seed: { metainfo: METAINFO },
  leech: { metainfo: METAINFO, peers: [{ host: THEM, port: THEIR_PORT }] },
  magnet: { magnet: `magnet:?xt=urn:btih:${toHex(INFO_HASH)}&x.pe=${THEM}:${THEIR_PORT}` },
}

/** The host's network, and why its streams were closed. */
function watched(host: Network, reasons: (Error | undefined)[]): Network {
  const watch = (stream: ByteStream): ByteStream => {
    const destroy = stream.destroy.bind(stream)
    stream.destroy = (error) => {
      reasons.push(error)
      destroy(error)
    }
    return stream
  }
  return {
    dial: async (remote, options) => watch(await host.dial(remote, options)),
    listen: (options, onStream) => host.listen(options, (stream) => onStream(watch(stream))),
    openDatagrams: (options, onDatagram) => host.openDatagrams(options, onDatagram),
    resolve: (name) => host.resolve(name),
    get: (request) => host.get(request),
  }
}

/** @param isHelped once the other has spoken there is an honest seed too, and from it the torrent must come. */
async function attack(input: Uint8Array, role: Role, isHelped: boolean): Promise<string> {
  const system = new SimSystem({ seed: crc32(input), logLength: 1 })
  const network = new SimNetwork(system, { link: { latencyMs: 1 } })
  const disk = new SimDisk(system)
  if (role === 'seed') putData(disk)
  const reasons: (Error | undefined)[] = []
  const hasher = new SimHasher(system, { sha1, sha256, jobMs: 0 })
  const session = await system.complete(Session.open({ system, network: watched(network.host(US), reasons), disk, hasher }))
  const them = network.host(THEM)
  let stream: ByteStream | undefined
  const greet = (made: ByteStream): void => {
    stream ??= made
    made.start({ onData: () => undefined, onDrain: () => undefined, onClose: () => (stream = undefined) })
  }
  if (role !== 'seed') await system.complete(them.listen({ port: THEIR_PORT }, greet))
  const torrent = session.add({ ...WHAT[role], dir: '/d' })
  let doneCount = 0
  torrent.on('done', () => doneCount++)
  await system.run(20)
  if (role === 'seed') greet(await system.complete(them.dial({ host: US, port: session.listenPort }, { timeoutMs: 1_000 })))
  else await system.runUntil(() => stream !== undefined, 2_000)

  const random = new Random(crc32(input))
  const flags = input[0] ?? 0
  const supports = { supportsExtensions: (flags & 8) === 0, supportsFast: (flags & 4) === 0, supportsDht: false, supportsV2: false }
  stream?.write(encodeHandshake({ infoHash: INFO_HASH, peerId: fromLatin1('-XX0001-abcdefghijkl'), ...supports }))
  for (const message of messagesOf(input.subarray(1))) {
    if (random.chance(1 / 2)) await system.run(1 + random.below(20))
    stream?.write(message.slice())
  }
  // Now and then until the choker has had its turn.
  await system.run(random.chance(1 / 4) ? 12_500 : 2_500)
  const helper = isHelped ? await honestSeed(system, network) : undefined
  if (helper !== undefined) {
    torrent.addPeers([{ host: HONEST, port: helper.listenPort }])
    expect(await system.runUntil(() => doneCount > 0, 120_000), 'it has not come from the honest seed within two minutes')
  }
  torrent.checkInvariants()
  expect(torrent.state.status !== 'failed', `the torrent has failed: ${JSON.stringify(torrent.state)}`)
  const bad = reasons.find((error) => error !== undefined && !isCaused(error))
  if (bad !== undefined) throw bad
  const { havePieces } = torrent.snapshot()
  const isLeft = stream !== undefined
  const verified = havePieces?.count ?? 0
  if (verified === PIECES.length) {
    const [a, b] = [disk.fileBytes('/d/t/a'), disk.fileBytes('/d/t/b')]
    expect(a !== undefined && b !== undefined && equalBytes(concatBytes([a, b]), DATA), 'it is complete, and not what it should be')
  }
  if (role === 'leech') expectEqual(doneCount, verified === PIECES.length ? 1 : 0, 'how often it was done')
  await system.complete(session.close())
  if (helper !== undefined) await system.complete(helper.close())
  stream?.destroy()
  await system.run(60_000)
  expectEqual([network.openStreams, system.pendingEvents], [0, 0], 'streams that are open, and things that are planned')
  if (isLeft) return `goes on, ${verified} pieces`
  const reason = reasons.find((error) => error instanceof EngineError)
  return `${reason?.code ?? 'ended'}${causeCode(reason)}, ${verified} pieces`
}

function putData(disk: SimDisk): void {
  disk.putFile('/d/t/a', DATA.subarray(0, 100))
  disk.putFile('/d/t/empty', new Uint8Array(0))
  disk.putFile('/d/t/b', DATA.subarray(100))
}

async function honestSeed(system: SimSystem, network: SimNetwork): Promise<Session> {
  const disk = new SimDisk(system)
  putData(disk)
  const ports = { system, network: network.host(HONEST), disk, hasher: new SimHasher(system, { sha1, sha256, jobMs: 0 }) }
  const session = await system.complete(Session.open(ports))
  await system.complete(session.add({ metainfo: METAINFO, dir: '/d' }).whenReady())
  return session
}

function causeCode(error: Error | undefined): string {
  return error?.cause instanceof ProtocolError ? ` ${error.cause.code}` : ''
}

function message(length: number, write: (into: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(length)
  write(bytes)
  return bytes
}

const UNCHOKE = message(5, (into) => writeSimple(into, 0, MESSAGE_ID.unchoke))
const INTERESTED = message(5, (into) => writeSimple(into, 0, MESSAGE_ID.interested))
const BLOCKS = PIECES.map((piece, index) =>
  message(13 + piece.length, (into) => {
    writePieceHeader(into, 0, index, 0, piece.length)
    into.set(piece, 13)
  }),
)
const EXTENSIONS = encodeExtended(
  0,
  encodeExtensionHandshake({
    ids: new Map([
      ['ut_metadata', 3],
      ['lt_donthave', 4],
    ]),
    metadataSize: INFO.length,
    port: THEIR_PORT,
    requestQueueLength: 100,
  }),
)
const METADATA = encodeExtended(2, encodeMetadataMessage({ type: 'data', piece: 0, totalSize: INFO.length, data: INFO }))
const REQUESTS = PIECES.map((piece, index) => message(17, (into) => writeRequest(into, 0, index, 0, piece.length)))
const TOKENS = [
  ...MESSAGE_TOKENS.filter((token) => token.length < 1_000),
  EXTENSIONS,
  METADATA,
  UNCHOKE,
  INTERESTED,
  ...REQUESTS,
  ...BLOCKS,
]
const ALL = encodeBitfield(Uint8Array.of(0xf8))

function conversations(): Uint8Array[] {
  const fetched = [ALL, UNCHOKE, new Uint8Array(4), new Uint8Array(4), ...BLOCKS, ...BLOCKS]
  return [
    concatBytes([encodeUtf8('\0'), ...fetched]),
    concatBytes([encodeUtf8('\0'), EXTENSIONS, new Uint8Array(4), METADATA, new Uint8Array(4), ...fetched]),
    concatBytes([
      encodeUtf8('\0'),
      ALL,
      EXTENSIONS,
      METADATA,
      METADATA,
      UNCHOKE,
      new Uint8Array(4),
      new Uint8Array(4),
      ...BLOCKS,
      ...BLOCKS,
    ]),
    concatBytes([encodeUtf8('\0'), INTERESTED, new Uint8Array(4), ...REQUESTS]),
    concatBytes([encodeUtf8('\0'), EXTENSIONS, encodeExtended(2, encodeMetadataMessage({ type: 'request', piece: 0 })), ...REQUESTS]),
    ...BLOCKS.map((block) => concatBytes([encodeUtf8('\f'), ALL, UNCHOKE, new Uint8Array(4), block, INTERESTED, block])),
  ]
}

function sessionTarget(role: Role, isHelped = false): FuzzTarget {
  return {
    name: `session-${role}${isHelped ? '-helped' : ''}`,
    grammar: 'wire',
    tokens: TOKENS,
    maxBytes: 4_000,
    refusals: 'none',
    oneIn: isHelped ? 100 : 20,
    corpus: conversations,
    run: (input) => attack(input, role, isHelped),
  }
}

export const sessionSeed: FuzzTarget = sessionTarget('seed')
export const sessionLeech: FuzzTarget = sessionTarget('leech')
export const sessionMagnet: FuzzTarget = sessionTarget('magnet')
export const sessionLeechHelped: FuzzTarget = sessionTarget('leech', true)
export const sessionMagnetHelped: FuzzTarget = sessionTarget('magnet', true)

/** Everything that `add` is given by a person who got it from somebody else. */
export const sessionAdd: FuzzTarget = {
  name: 'session-add',
  grammar: 'bencode',
  tokens: TOKENS,
  maxBytes: 4_000,
  refusals: 'engine',
  oneIn: 10,
  corpus: () => [METAINFO, encodeUtf8(WHAT.magnet.magnet!), encodeUtf8('magnet:?xt=urn:btih:')],
  async run(input) {
    const system = new SimSystem({ seed: crc32(input), logLength: 1 })
    const disk = new SimDisk(system)
    const hasher = new SimHasher(system, { sha1, sha256, jobMs: 0 })
    const session = await system.complete(Session.open({ system, network: new SimNetwork(system).host(US), disk, hasher }))
    try {
      const magnet = Buffer.from(input).toString('utf8')
      const torrent = session.add({ ...(magnet.startsWith('magnet') ? { magnet } : { metainfo: input }), dir: '/d' })
      await system.run(100)
      torrent.checkInvariants()
      torrent.snapshot()
      return torrent.state.status === 'failed' ? torrent.state.error.code : torrent.state.status
    } finally {
      await system.complete(session.close())
      await system.run(60_000)
      expectEqual(system.pendingEvents, 0, 'things that are still planned')
    }
  },
}
