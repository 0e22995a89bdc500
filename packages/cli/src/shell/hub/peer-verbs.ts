import type { FileEntry, PeerAddress, Ping } from '@shoal/api/hub-api'
import { formatBytes, formatCount, formatCounted, formatDuration } from '@shoal/api/human'
import { ProblemError } from '@shoal/api/problem'
import { quoted } from '../../render/text.ts'
import { sentence, tableReply } from '../reply.ts'
import type { Reply, Verb, VerbCall } from '../verb.ts'
import { addressOf, closeNames, type HubView, listedFiles, peerNamed } from './hub-world.ts'
import { PEER_USAGE, readPeerWords } from './peer-address.ts'

/** Who is connected, and the two questions that one can ask about one of them. */
export const PEER_VERBS: readonly Verb<HubView>[] = [
  {
    name: 'list_peers',
    aliases: ['p', 'peers'],
    summary: 'shows who is connected',
    example: 'list_peers',
    run: listPeers,
  },
  {
    name: 'ping',
    summary: 'measures the way to a peer and back',
    arguments: [{ name: 'peer', isRest: true, complete: peerWords }],
    usage: PEER_USAGE,
    example: 'ping 192.168.1.12 6881',
    run: ping,
  },
  {
    name: 'discover',
    summary: 'shows what one peer shares',
    arguments: [{ name: 'peer', isRest: true, complete: peerWords }],
    usage: PEER_USAGE,
    example: 'discover binh',
    run: discover,
  },
]

/** Names and addresses; behind an address its port. */
async function peerWords({ client }: HubView, before: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const peers = await client.peers(signal)
  const [ip] = before
  if (ip !== undefined) return peers.filter((peer) => peer.ip === ip).map((peer) => String(peer.port))
  return [...peers.map((peer) => peer.name), ...peers.map((peer) => peer.ip)]
}

async function listPeers({ world, signal, now }: VerbCall<HubView>): Promise<Reply> {
  const peers = await world.client.peers(signal)
  const moment = now()
  return tableReply(
    {
      columns: [
        { title: 'name', leastCells: 10 },
        { title: 'address' },
        { title: 'files', isNumber: true },
        { title: 'member', leastCells: 8 },
        { title: 'program', leastCells: 8 },
        { title: 'connected' },
      ],
      rows: peers.map((peer) => [
        peer.name,
        addressOf(peer),
        formatCount(peer.files),
        peer.account ?? '',
        peer.version,
        formatDuration(moment - peer.connectedAt),
      ]),
    },
    peers,
    'Nobody is connected yet. A peer stands here as long as it is connected to this hub.',
  )
}

async function ping({ world, words, signal }: VerbCall<HubView>): Promise<Reply> {
  const named = readPeerWords({ name: 'ping' }, words.peer ?? [])
  const address = named.kind === 'address' ? named.address : await addressOfPeer(world, named.name, signal)
  if (isHubItself(address, world)) {
    throw new ProblemError('PING_SELF', `Cannot ping ${addressOf(address)}: that is this hub itself. Name a peer (list_peers shows all)`)
  }
  const result = await world.client.ping(address, signal)
  return sentence(pingText(result, address), result)
}

/** `binh 192.168.1.12:6881 answered in 0.412 ms; its port takes connections.` */
function pingText({ peer, roundTripMs, isReachable, reachability }: Ping, asked: PeerAddress): string {
  const where = addressOf(peer) === '' ? addressOf(asked) : addressOf(peer)
  const port = isReachable ? 'its port takes connections' : `its port takes no connections (${reachability.replace(/\.$/, '')})`
  return `${quotedIfOdd(peer.name)} ${where} answered in ${roundTripMs.toFixed(3)} ms; ${port}.`
}

async function addressOfPeer({ client }: HubView, name: string, signal: AbortSignal): Promise<PeerAddress> {
  const peers = await client.peers(signal)
  const peer = peerNamed(name, peers)
  if (peer !== undefined) return { ip: peer.ip, port: peer.port }
  if ((await filesLeftBy(name, client, signal)).length > 0) {
    throw new ProblemError('PEER_GONE', `${quoted(name)} was here, and is not connected now. Its files come back with it`)
  }
  throw notConnected(
    name,
    peers.map((each) => each.name),
  )
}

/** The hub's own door, by whichever of its addresses. */
function isHubItself({ ip, port }: PeerAddress, { client, ownAddresses }: HubView): boolean {
  const hub = new URL(client.url)
  if (port !== Number(hub.port || (hub.protocol === 'https:' ? 443 : 80))) return false
  const host = hub.hostname.replace(/^\[|\]$/g, '')
  return ip === host || (isLoopback(host) && (isLoopback(ip) || ownAddresses().includes(ip)))
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

async function discover({ world, words, signal }: VerbCall<HubView>): Promise<Reply> {
  const { client } = world
  const named = readPeerWords({ name: 'discover' }, words.peer ?? [])
  const peers = await client.peers(signal)
  const peer =
    named.kind === 'name'
      ? peerNamed(named.name, peers)
      : peers.find(({ ip, port }) => ip === named.address.ip && port === named.address.port)
  if (peer !== undefined) {
    const files = await client.peerFiles(peer.id, signal)
    return sharedFiles(files, `${quoted(peer.name)} (${addressOf(peer)}) shares nothing yet.`)
  }
  const asked = named.kind === 'name' ? named.name : addressOf(named.address)
  const left = await filesLeftBy(asked, client, signal)
  if (left.length > 0) return sharedFiles(left, '', 'It is not connected now; this is what it published.')
  throw notConnected(asked, named.kind === 'name' ? peers.map((each) => each.name) : [])
}

function notConnected(asked: string, names: readonly string[]): ProblemError {
  return new ProblemError('NOT_FOUND', `No peer ${quoted(asked)} is connected. ${closeNames(asked, names)}(list_peers shows all)`)
}

/** What a peer has published, which is no longer connected: so gone is told apart from unknown. */
async function filesLeftBy(asked: string, client: HubView['client'], signal: AbortSignal): Promise<readonly FileEntry[]> {
  const { files } = await listedFiles(client, {}, signal)
  return files.filter(({ host }) => host !== undefined && (host.name === asked || addressOf(host) === asked))
}

function sharedFiles(files: readonly FileEntry[], whenEmpty: string, below?: string): Reply {
  const showsPaths = files.some((file) => file.localPath !== undefined)
  return tableReply(
    {
      columns: [
        { title: 'name', leastCells: 16 },
        { title: 'size', isNumber: true },
        { title: 'pieces', isNumber: true },
        { title: 'address' },
        ...(showsPaths ? [{ title: 'path', leastCells: 10 }] : []),
      ],
      rows: files.map((file) => [
        file.name,
        formatBytes(file.size),
        formatCount(file.pieceCount),
        addressOf(file.host ?? {}),
        ...(showsPaths ? [file.localPath ?? ''] : []),
      ]),
    },
    files,
    whenEmpty,
    below ?? `${formatCounted(files.length, 'file')}.`,
  )
}

/** A name that could be taken for something else stands in quotes. */
function quotedIfOdd(name: string): string {
  return /^[\p{L}\p{N}._-]+$/u.test(name) ? name : quoted(name)
}
