import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Fetch, TorrentItem } from '@shoal/api/daemon-api'
import type { EntryHost, FileEntry } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { toHex } from '@shoal/protocol/bytes'
import { ProtocolError } from '@shoal/protocol/errors'
import type { Info } from '@shoal/protocol/metainfo/info'
import { parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import type { Static } from 'typebox'
import { type ChosenContent, chooseContent, isPeer, nobodyCalled } from './content-choice.ts'
import { destinationOf, makeFolder } from './destination.ts'
import { fetchTarget } from './fetch-target.ts'
import { type HolderAddress, holderAddresses, type MeasureConnect, nearestFirst } from './holder-addresses.ts'
import { parseEndpoint } from './hub-address.ts'
import type { HubsWorld } from './hubs-world.ts'
import type { KnownHub } from './known-hub.ts'

type Host = Static<typeof EntryHost>

export interface FetcherNeeds extends HubsWorld {
  readonly measure: MeasureConnect
  hubs(): Iterable<KnownHub>
  /** @throws {ProblemError} `NOT_CONNECTED` */
  hubOf(given: string | undefined): KnownHub
}

/** Entries of one name that are looked at. */
const MAX_ENTRIES = 100

/** From a name to a transfer that runs: looks it up, gets its torrent, and meets everybody who has some of it. */
export class Fetcher {
  readonly #needs: FetcherNeeds

  constructor(needs: FetcherNeeds) {
    this.#needs = needs
  }

  /**
   * Answers when the transfer has begun. One that was interrupted goes on.
   *
   * @throws {ProblemError} `NOT_CONNECTED`, `NOT_FOUND` with close names, `AMBIGUOUS` with the entries, `OWN_FILE`, `DESTINATION_EXISTS`,
   *   `CONFLICT`, `TORRENT_INVALID`, `VALIDATION`, and what the hub refuses
   */
  async fetch(what: Fetch, signal?: AbortSignal): Promise<TorrentItem> {
    const target = fetchTarget(what.what, this.#needs.hubs())
    switch (target.kind) {
      case 'link':
        return this.#addLink(target.link, what, signal)
      case 'foreign':
        throw new ProblemError(
          'NOT_CONNECTED',
          `${target.origin} is a hub that this peer does not know. Connect first: connect ${target.origin}`,
        )
      case 'entry':
        return this.#fetchEntry(target.hub, target.idOrName, what, signal)
      case 'content':
        return this.#fetchContent(target.hub, target.infoHash, what, signal)
      case 'name': {
        const hub = this.#needs.hubOf(what.hub)
        return this.#fetchNamed(hub, target.name, what, signal)
      }
      default:
        return target satisfies never
    }
  }

  /** Those that were fetched from one host only may meet the others when they are complete. */
  onChange(ids: ReadonlySet<string>): void {
    const { file, shelf } = this.#needs
    for (const lonely of file.state.lonely) {
      const { hubUrl, torrentId } = lonely
      if (!ids.has(torrentId)) continue
      const item = shelf.find(torrentId)
      const isDone = item !== undefined && item.size > 0 && item.haveBytes >= item.size
      if (item !== undefined && !isDone) continue
      file.state.lonely = file.state.lonely.filter((each) => each !== lonely)
      void file.save()
      const hub = [...this.#needs.hubs()].find(({ url }) => url === hubUrl)
      if (item !== undefined && hub !== undefined) this.#joinSwarm(hub, torrentId)
    }
  }

  #joinSwarm(hub: KnownHub, torrentId: string): void {
    const trackers = hub.memory.announceUrls.map((url) => [url])
    this.#needs.torrents.changeTorrent(torrentId, { trackers }).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      this.#needs.notice(`The torrent ${torrentId} is complete and cannot be announced on ${hub.name}: ${why}`)
    })
  }

  async #fetchNamed(hub: KnownHub, name: string, what: Fetch, signal: AbortSignal | undefined): Promise<TorrentItem> {
    const { items } = await hub.ask((client) => client.files({ name, limit: MAX_ENTRIES }, signal))
    if (items.length === 0)
      throw new ProblemError('NOT_FOUND', `No file named ${JSON.stringify(name)} on ${hub.name}. (list_files shows all)`)
    return this.#begin(hub, this.#choose(hub, items, what.from), what, signal)
  }

  async #fetchEntry(hub: KnownHub, idOrName: string, what: Fetch, signal: AbortSignal | undefined): Promise<TorrentItem> {
    let entry: FileEntry
    try {
      entry = await hub.ask((client) => client.file(idOrName, signal))
    } catch (error) {
      if (error instanceof ProblemError && (error.code === 'NOT_FOUND' || error.code === 'VALIDATION')) {
        return this.#fetchNamed(hub, idOrName, what, signal)
      }
      throw error
    }
    return this.#begin(hub, { ...this.#choose(hub, [entry]), name: entry.name }, what, signal)
  }

  /** By its info hash: from a hub that knows it, else as any torrent. */
  async #fetchContent(given: KnownHub | undefined, infoHash: string, what: Fetch, signal: AbortSignal | undefined): Promise<TorrentItem> {
    const hub = given ?? this.#hubOrNone(what.hub)
    if (hub === undefined) return this.#addLink(infoHash, what, signal)
    try {
      const { name, entries } = await hub.ask((client) => client.torrentFacts(infoHash, signal))
      const chosen = entries.length === 0 ? { infoHash, name, entries } : this.#choose(hub, entries)
      return await this.#begin(hub, { ...chosen, name: entries[0]?.name ?? name }, what, signal)
    } catch (error) {
      const isUnknown = error instanceof ProblemError && (error.code === 'NOT_FOUND' || error.code === 'NOT_CONNECTED')
      if (given === undefined && what.hub === undefined && isUnknown && what.from === undefined)
        return this.#addLink(infoHash, what, signal)
      throw error
    }
  }

  #hubOrNone(given: string | undefined): KnownHub | undefined {
    try {
      return this.#needs.hubOf(given)
    } catch (error) {
      if (given === undefined && error instanceof ProblemError && error.code === 'NOT_CONNECTED') return undefined
      throw error
    }
  }

  #choose(hub: KnownHub, entries: readonly FileEntry[], from?: string): ChosenContent {
    const chosen = chooseContent(entries, hub.hostId, from)
    // The hub may be away since we started, and then we do not know what it calls us.
    const own = this.#needs.file.state.publications.find((each) => each.hubUrl === hub.url && each.torrentId === chosen.infoHash)
    if (own === undefined) return chosen
    throw new ProblemError('OWN_FILE', `This peer shares ${JSON.stringify(own.name)} itself: it is at ${JSON.stringify(own.path)}`)
  }

  async #begin(hub: KnownHub, chosen: ChosenContent, what: Fetch, signal: AbortSignal | undefined): Promise<TorrentItem> {
    const { shelf, torrents, file } = this.#needs
    const { infoHash } = chosen
    const known = shelf.find(infoHash)
    if (known !== undefined) return this.#resume(known, what)
    const { downloadDir } = await torrents.readSettings()
    const { dir, name } = await destinationOf(what.destination, chosen.name, downloadDir)
    const [metainfo, hosts] = await Promise.all([
      hub.ask((client) => client.torrent(infoHash, signal)),
      this.#holdersOf(hub, chosen, signal),
    ])
    const info = infoOf(metainfo, infoHash)
    const peers = await this.#peersOf(hub, chosen, hosts, what.from)
    signal?.throwIfAborted()
    await makeFolder(dir)
    const isLonely = what.from !== undefined
    let item: TorrentItem
    try {
      item = await shelf.place({
        metainfo,
        dir,
        ...(info.name !== name && { pathsOnDisk: info.files.map(({ path }) => [name, ...path.slice(1)]) }),
        peers,
        ...(isLonely && { onlyGivenPeers: true }),
      })
    } catch (error) {
      // Somebody else asked for it at the same moment.
      const other = error instanceof ProblemError && error.code === 'TAKEN' ? shelf.find(infoHash) : undefined
      if (other === undefined) throw error
      return this.#resume(other, what)
    }
    if (!hub.memory.fetched.includes(infoHash)) hub.memory.fetched.push(infoHash)
    if (isLonely) file.state.lonely.push({ hubUrl: hub.url, torrentId: infoHash })
    await file.save()
    hub.reporter.add(infoHash)
    return item
  }

  /** It is here already, whole or in part: it goes on where it is. */
  async #resume(known: TorrentItem, { destination }: Fetch): Promise<TorrentItem> {
    const { shelf, torrents } = this.#needs
    const path = (await shelf.pathOf(known.id)) ?? join(known.dir, known.name)
    const isComplete = known.size > 0 && known.haveBytes >= known.size
    if (isComplete)
      throw new ProblemError('DESTINATION_EXISTS', `${JSON.stringify(known.name)} is here already, whole: ${JSON.stringify(path)}`)
    if (destination !== undefined && destination !== path) {
      throw new ProblemError(
        'CONFLICT',
        `${JSON.stringify(known.name)} is being fetched to ${JSON.stringify(path)} already. Move it when it is there: move`,
      )
    }
    return known.status === 'paused' || known.status === 'failed' ? torrents.actOnTorrent(known.id, 'resume') : known
  }

  /** Who has published it, and who has some of it. A hub that does not say the second is no reason to stop. */
  async #holdersOf(hub: KnownHub, { infoHash, entries }: ChosenContent, signal: AbortSignal | undefined): Promise<Host[]> {
    const publishers = entries.flatMap(({ host }) => (host?.isOnline === true ? [host] : []))
    try {
      const { holders } = await hub.ask((client) => client.pieces(infoHash, signal))
      return [...publishers, ...holders.map(({ peer }) => peer)]
    } catch (error) {
      if (error instanceof ProblemError) return publishers
      throw error
    }
  }

  async #peersOf(hub: KnownHub, chosen: ChosenContent, hosts: readonly Host[], from: string | undefined): Promise<HolderAddress[]> {
    const own = { hostId: hub.hostId, ip: hub.ownIp, hubUrl: hub.url }
    if (from === undefined) return nearestFirst(holderAddresses(hosts, own), this.#needs.measure)
    const named = [...hosts, ...chosen.entries.flatMap(({ host }) => (host === undefined ? [] : [host]))].filter((host) =>
      isPeer(host, from),
    )
    const addresses = holderAddresses(named, own)
    if (addresses.length > 0) return addresses.slice(0, 1)
    if (named.some(({ ip, isOnline }) => ip === undefined && isOnline)) {
      throw new ProblemError(
        'FORBIDDEN',
        `${hub.name} does not tell this account where ${JSON.stringify(from)} is. Fetch without --from, or ask for the right to see peers`,
      )
    }
    const endpoint = parseEndpoint(from)
    // Somebody who is not on the hub may have it all the same: whoever names an address knows.
    if (endpoint !== undefined) return [{ host: endpoint.ip, port: endpoint.port }]
    throw nobodyCalled(from, chosen.entries)
  }

  async #addLink(link: string, what: Fetch, signal: AbortSignal | undefined): Promise<TorrentItem> {
    if (what.destination !== undefined) {
      const detail = 'cannot be chosen for a link, because its name is not known before it is fetched. Use: add --dir'
      throw new ProblemError('VALIDATION', `The destination ${detail}`, { errors: [{ field: 'destination', detail }] })
    }
    const peers = what.from === undefined ? {} : { peers: [what.from] }
    return (await this.#needs.torrents.addTorrent({ link, ...peers }, signal)).torrent
  }
}

/** @throws {ProblemError} `TORRENT_INVALID` for what is no torrent, or another one */
function infoOf(metainfo: Uint8Array, infoHash: string): Info {
  try {
    const { info } = parseMetainfo(metainfo, { sha1: hashWith('sha1'), sha256: hashWith('sha256') })
    if (info.infoHashV1 !== undefined && toHex(info.infoHashV1) === infoHash) return info
    throw new ProblemError('TORRENT_INVALID', 'The hub has sent another torrent than the one that was asked for. Tell whoever runs it')
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new ProblemError('TORRENT_INVALID', `The hub has sent a torrent that cannot be used: ${error.message}`, {}, { cause: error })
  }
}

function hashWith(algorithm: 'sha1' | 'sha256'): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => new Uint8Array(createHash(algorithm).update(bytes).digest())
}
