import { isAbsolute, resolve } from 'node:path'
import type { HubItem, TorrentItem } from '@shoal/api/daemon-api'
import type { DaemonClient } from '@shoal/api/daemon-client'
import { ProblemError } from '@shoal/api/problem'
import { quoted } from '../../render/text.ts'
import { closeNames, type HubReader, type HubView } from '../hub/hub-world.ts'
import { folded } from '../nearest.ts'

/** What the verbs of a peer work with. */
export interface PeerWorld {
  readonly client: DaemonClient
  /** Paths that are typed are relative to it. */
  readonly folder: string
  readonly maker: TorrentMaker
  /** Addresses of this machine that others may reach it by. */
  readonly ownAddresses: () => readonly string[]
  /** In [0, 1). */
  readonly chance: () => number
}

/** Makes a .torrent file of a file or folder. A shell hashes nothing itself. */
export interface TorrentMaker {
  /** @throws what is wrong with the path, or `FILE_EXISTS` for a target that is there */
  make(wanted: {
    readonly path: string
    /** The .torrent file that is written. */
    readonly target: string
    readonly trackers: readonly string[]
    readonly signal: AbortSignal
  }): Promise<MadeTorrent>
}

export interface MadeTorrent {
  readonly file: string
  readonly name: string
  readonly infoHash: string
  readonly size: number
  readonly pieceLength: number
  readonly pieceCount: number
  readonly magnet: string
  readonly warnings: readonly string[]
}

/** The path as the daemon needs it: it works in a folder of its own. */
export function pathOf(word: string, { folder }: Pick<PeerWorld, 'folder'>): string {
  return isAbsolute(word) ? resolve(word) : resolve(folder, word)
}

const MIN_ID_DIGITS = 6

/**
 * The torrent that is meant: by its name, with or without marks and case, or by the beginning of its info hash.
 *
 * @throws {ProblemError} `NOT_FOUND`, `AMBIGUOUS`
 */
export async function torrentNamed({ client }: Pick<PeerWorld, 'client'>, word: string, signal: AbortSignal): Promise<TorrentItem> {
  const all = await client.torrents(signal)
  const id = word.toLowerCase()
  const isId = new RegExp(`^[0-9a-f]{${MIN_ID_DIGITS},40}$`).test(id)
  const meant = [
    all.filter(({ name }) => name === word),
    all.filter(({ name }) => folded(name) === folded(word)),
    isId ? all.filter((torrent) => torrent.id.startsWith(id)) : [],
    all.filter(({ publications }) => publications.some(({ name }) => name === word)),
  ].find((some) => some.length > 0)
  const [torrent, another] = meant ?? []
  if (torrent === undefined) {
    const names = all.map(({ name }) => name)
    throw new ProblemError('NOT_FOUND', `No torrent named ${quoted(word)} is here. ${closeNames(word, names)}(list shows all)`)
  }
  if (another === undefined) return torrent
  const ids = meant!.map((each) => each.id.slice(0, 8)).join(', ')
  throw new ProblemError('AMBIGUOUS', `Several torrents are named ${quoted(word)}. Say which by the beginning of its info hash: ${ids}`)
}

/** For completion. */
export async function torrentNames({ client }: PeerWorld, _before: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  return (await client.torrents(signal)).map(({ name }) => name)
}

export async function hubNames({ client }: PeerWorld, _before: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  return (await client.hubs(signal)).flatMap(({ name, url }) => [name, url])
}

/** How one gets a hub, where there is none. */
export const HOW_TO_CONNECT = 'Connect with: connect <address> (such as 192.168.1.2:6880)'

/**
 * The hub that is meant: by its name, address or id; the default one when none is named.
 *
 * @throws {ProblemError} `NOT_CONNECTED`
 */
export async function hubNamed({ client }: Pick<PeerWorld, 'client'>, word: string | undefined, signal: AbortSignal): Promise<HubItem> {
  const hubs = await client.hubs(signal)
  if (word === undefined) {
    const hub = hubs.find(({ isDefault }) => isDefault) ?? hubs[0]
    if (hub !== undefined) return hub
    throw new ProblemError('NOT_CONNECTED', `This peer knows no hub yet. ${HOW_TO_CONNECT}`)
  }
  const hub =
    hubs.find(({ id, url, name }) => id === word || name === word || url === word.replace(/\/+$/, '')) ??
    hubs.find(({ url, name }) => folded(name) === folded(word) || new URL(url).host === word)
  if (hub !== undefined) return hub
  const names = hubs.map(({ name }) => name)
  throw new ProblemError('NOT_CONNECTED', `This peer knows no hub ${quoted(word)}. ${closeNames(word, names)}${HOW_TO_CONNECT}`)
}

/** A hub as the verbs that only look at one see it. */
export function viewOfHub({ client, ownAddresses }: PeerWorld, hub: HubItem): HubView {
  const reader: HubReader = {
    url: hub.url,
    files: (query, signal) => client.hubFiles(hub.id, query, signal),
    peers: (signal) => client.hubPeers(hub.id, signal),
    peerFiles: (id, signal) => client.hubPeerFiles(hub.id, id, signal),
    pieces: (infoHash, signal) => client.hubPieces(hub.id, infoHash, signal),
    ping: (address, signal) => client.ping(hub.id, address, signal),
  }
  return { client: reader, ownAddresses }
}
