import { realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Publication, Publish } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import type { CreatedTorrent } from '@shoal/engine/create-torrent'
import { toInfoHash } from '@shoal/protocol/info-hash'
import { formatMagnet } from '@shoal/protocol/metainfo/magnet'
import { requireAbsolute } from './destination.ts'
import { hubIdOf } from './hub-address.ts'
import { type Copies, LinkAway, type Welcome } from './hub-link.ts'
import { nameKey, sharedName } from './hub-name.ts'
import type { RememberedPublication } from './hub-state.ts'
import type { HubsWorld } from './hubs-world.ts'
import type { KnownHub } from './known-hub.ts'
import { makeOwnTorrent, withoutTrackers } from './own-torrent.ts'

/** What is known of a publication only while the hub is there. */
interface Standing {
  isKnown: boolean
  copies: Copies | undefined
  /** It is being told: whoever wants to tell it, too, waits for the same answer. */
  telling: Promise<void> | undefined
}

/**
 * What this peer shares by name, and on which hubs. A publication is remembered before its hub hears of it, so that a hub which
 * heard, but could not say so, lists nothing that nobody here knows of; and each hub that comes back is told what it lacks.
 */
export class Publisher {
  readonly #world: HubsWorld
  readonly #standings = new Map<RememberedPublication, Standing>()
  /** Paths and names that are being hashed: `hub path`, `hub name`. */
  readonly #busy = new Set<string>()
  #lastCreation = 0

  constructor(world: HubsWorld) {
    this.#world = world
  }

  /** To be called once, when the torrents are there: what is no longer among them is no longer shared. */
  start(): void {
    const { shelf } = this.#world
    const gone = this.#publications.filter(({ torrentId }) => shelf.find(torrentId) === undefined)
    if (gone.length > 0) this.#world.notice(`${gone.length} publications are withdrawn: their torrents are not here any more`)
    for (const publication of gone) this.#forget(publication)
    for (const id of new Set(this.#publications.map(({ torrentId }) => torrentId))) this.#label(id)
  }

  list(hubs: ReadonlyMap<string, KnownHub>): Publication[] {
    return this.#publications.flatMap((publication) => {
      const hub = hubs.get(publication.hubUrl)
      return hub === undefined ? [] : [this.#shown(publication, hub)]
    })
  }

  torrentsOn(hubUrl: string): string[] {
    return this.#publications.filter((publication) => publication.hubUrl === hubUrl).map(({ torrentId }) => torrentId)
  }

  /**
   * Makes the torrent, shares it and tells the hub. A hub that is away hears of it when it is back.
   *
   * @throws {ProblemError} `PATH_MISSING`, `VALIDATION`, `ALREADY_SHARED`, `TAKEN`, `NOT_SIGNED_IN`, `FORBIDDEN`, `CONFLICT`, and what the hub refuses
   */
  async publish(hub: KnownHub, what: Publish, signal?: AbortSignal): Promise<Publication> {
    requireAbsolute('path', what.path)
    const path = await realpath(what.path).catch((cause: unknown) => {
      throw new ProblemError(
        'PATH_MISSING',
        `Cannot share ${JSON.stringify(what.path)}: there is nothing there. Look at the path`,
        {},
        { cause },
      )
    })
    const name = sharedName(what.name ?? basename(what.path))
    // It may let us in by now; and what it cannot say, it said before.
    if (!hub.memory.mayPublish) await hub.refresh().catch(() => undefined)
    requireRight(hub)
    this.#requireFree(hub, path, name)
    const reserved = [`${hub.url} path ${path}`, `${hub.url} name ${nameKey(name)}`]
    if (reserved.some((key) => this.#busy.has(key))) {
      throw new ProblemError(
        'CONFLICT',
        `${JSON.stringify(path)}, or something by the name ${JSON.stringify(name)}, is being published right now. Wait for it`,
      )
    }
    for (const key of reserved) this.#busy.add(key)
    try {
      const made = await makeOwnTorrent(`publish-${++this.#lastCreation}`, {
        path,
        isPrivate: hub.memory.isMembersOnly,
        announceUrls: hub.memory.announceUrls,
        createdBy: this.#world.version,
        ...(signal !== undefined && { signal }),
        onProgress: (creation) => this.#world.emit({ type: 'creation', creation }),
      })
      signal?.throwIfAborted()
      return await this.#share(hub, { ...what, path, name }, made)
    } finally {
      for (const key of reserved) this.#busy.delete(key)
    }
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  async unpublish(hub: KnownHub, name: string): Promise<void> {
    const found = this.#publications.find((each) => each.hubUrl === hub.url && nameKey(each.name) === nameKey(name))
    if (found === undefined) {
      const own = this.#publications.filter(({ hubUrl }) => hubUrl === hub.url).map((each) => each.name)
      const shared =
        own.length === 0
          ? 'It shares nothing there'
          : `It shares ${own
              .slice(0, 10)
              .map((each) => JSON.stringify(each))
              .join(', ')}`
      throw new ProblemError('NOT_FOUND', `This peer shares nothing named ${JSON.stringify(name)} on ${hub.name}. ${shared}`, {
        choices: own,
      })
    }
    this.#forget(found)
    await this.#world.file.save()
    await this.#withdrawAt(hub)
    hub.reporter.remove(found.torrentId)
    const isStillShared = this.#publications.some(({ torrentId }) => torrentId === found.torrentId)
    if (found.isOwnTorrent && !isStillShared) {
      await this.#world.torrents.removeTorrent(found.torrentId, { data: 'keep' }).catch((error: unknown) => {
        if (!(error instanceof ProblemError && error.code === 'NOT_FOUND')) throw error
      })
    }
  }

  /** The hub is there again: it hears what was withdrawn meanwhile, and gets what it has lost. */
  async onWelcome(hub: KnownHub, { published }: Welcome): Promise<void> {
    await this.#withdrawAt(hub)
    const listed = new Map(published.map(({ name, infoHash }) => [nameKey(name), infoHash]))
    for (const publication of this.#publications.filter(({ hubUrl }) => hubUrl === hub.url)) {
      const at = listed.get(nameKey(publication.name))
      if (at === publication.torrentId) this.#setKnown(hub, publication, true)
      else {
        this.#setKnown(hub, publication, false)
        if (at !== undefined) await hub.link.withdraw(publication.name)
        await this.#tell(hub, publication).catch((error: unknown) => {
          if (error instanceof LinkAway) throw error
          const why = error instanceof Error ? error.message : String(error)
          this.#world.notice(`${hub.name} does not take ${JSON.stringify(publication.name)} again: ${why}`)
        })
      }
    }
  }

  /** What it said of copies is of no use while nobody knows who comes and goes. */
  onAway(hub: KnownHub): void {
    for (const publication of this.#publications) {
      if (publication.hubUrl === hub.url) this.#standing(publication).copies = undefined
    }
  }

  onCopies(hub: KnownHub, copies: Copies): void {
    for (const publication of this.#publications) {
      if (publication.hubUrl !== hub.url || publication.torrentId !== copies.infoHash) continue
      const standing = this.#standing(publication)
      const mightLeave = standing.copies?.mayLeave === true
      standing.copies = copies
      this.#world.emit({ type: 'publication', publication: this.#shown(publication, hub) })
      if (copies.mayLeave !== mightLeave) this.#log(publication, copies.mayLeave)
    }
  }

  /** Torrents that somebody removed are not shared any more. */
  onGone(ids: ReadonlySet<string>, hubs: ReadonlyMap<string, KnownHub>): void {
    const gone = this.#publications.filter(({ torrentId }) => ids.has(torrentId))
    for (const publication of gone) this.#forget(publication)
    if (gone.length > 0) void this.#world.file.save()
    for (const hubUrl of new Set(gone.map((publication) => publication.hubUrl))) {
      const hub = hubs.get(hubUrl)
      if (hub !== undefined) void this.#withdrawAt(hub)
    }
  }

  /** Of a hub that is forgotten: it hears so, if it can. */
  async forgetHub(hub: KnownHub): Promise<void> {
    for (const publication of this.#publications.filter(({ hubUrl }) => hubUrl === hub.url)) this.#forget(publication)
    await this.#withdrawAt(hub)
    const { state } = this.#world.file
    state.withdrawals = state.withdrawals.filter(({ hubUrl }) => hubUrl !== hub.url)
  }

  get #publications(): RememberedPublication[] {
    return this.#world.file.state.publications
  }

  #requireFree(hub: KnownHub, path: string, name: string): void {
    const here = this.#publications.filter(({ hubUrl }) => hubUrl === hub.url)
    const same = here.find((each) => each.path === path)
    if (same !== undefined) {
      const how = `unpublish ${JSON.stringify(same.name)} first`
      throw new ProblemError(
        'ALREADY_SHARED',
        `This peer shares ${JSON.stringify(path)} already, as ${JSON.stringify(same.name)} on ${hub.name}: ${how}`,
      )
    }
    const rival = here.find((each) => nameKey(each.name) === nameKey(name))
    if (rival === undefined) return
    throw new ProblemError(
      'TAKEN',
      `This peer shares ${JSON.stringify(rival.path)} by the name ${JSON.stringify(rival.name)} on ${hub.name}. Choose another name`,
    )
  }

  async #share(hub: KnownHub, what: Publish & { readonly name: string }, made: CreatedTorrent): Promise<Publication> {
    const { info, infoHashV1: torrentId } = made
    const isOwnTorrent = await this.#place(hub, made)
    const publication: RememberedPublication = {
      hubUrl: hub.url,
      name: what.name,
      path: what.path,
      torrentId,
      size: info.files.reduce((sum, { length, isPadding }) => sum + (isPadding ? 0 : length), 0),
      pieceLength: info.pieceLength,
      pieceCount: info.pieceCount,
      ...(what.description !== undefined && { description: what.description }),
      ...(what.tags !== undefined && { tags: [...what.tags] }),
      isOwnTorrent,
    }
    this.#publications.push(publication)
    await this.#world.file.save()
    try {
      await this.#tell(hub, publication)
    } catch (error) {
      // The hub is away: it hears of it as soon as it is back.
      if (!(error instanceof LinkAway)) {
        await this.#takeBack(publication)
        throw error
      }
    }
    hub.reporter.add(torrentId)
    this.#label(torrentId)
    const shown = this.#shown(publication, hub)
    this.#world.emit({ type: 'publication', publication: shown })
    return shown
  }

  /** @returns whether it is new here */
  async #place(hub: KnownHub, { bytes, infoHashV1, root, pathsOnDisk }: CreatedTorrent): Promise<boolean> {
    const { shelf, torrents } = this.#world
    if (shelf.find(infoHashV1) === undefined) {
      await shelf.place({ metainfo: bytes, dir: root, pathsOnDisk, skipCheck: true, isUploadOnly: true })
      return true
    }
    // The same content is here already, shared elsewhere or fetched: it is announced here, too.
    await torrents.addTorrent({ metainfo: Buffer.from(bytes).toString('base64'), trackers: [...hub.memory.announceUrls] })
    return false
  }

  async #takeBack(publication: RememberedPublication): Promise<void> {
    const { file, torrents } = this.#world
    file.state.publications = this.#publications.filter((each) => each !== publication)
    this.#standings.delete(publication)
    await file.save()
    const isShared = this.#publications.some(({ torrentId }) => torrentId === publication.torrentId)
    if (publication.isOwnTorrent && !isShared) await torrents.removeTorrent(publication.torrentId, { data: 'keep' })
  }

  /** @throws {LinkAway} @throws {ProblemError} what the hub refuses */
  #tell(hub: KnownHub, publication: RememberedPublication): Promise<void> {
    const standing = this.#standing(publication)
    standing.telling ??= this.#sayPublish(hub, publication).finally(() => {
      standing.telling = undefined
    })
    return standing.telling
  }

  async #sayPublish(hub: KnownHub, publication: RememberedPublication): Promise<void> {
    const { name, path, torrentId, description, tags } = publication
    const metainfo = await this.#world.shelf.metainfoOf(torrentId)
    if (metainfo === undefined) throw new ProblemError('NOT_FOUND', `The torrent of ${JSON.stringify(name)} is not here any more`)
    const { entryId } = await hub.link.publish({
      name,
      torrent: Buffer.from(withoutTrackers(metainfo)).toString('base64'),
      localPath: path,
      ...(description !== undefined && { description }),
      ...(tags !== undefined && { tags }),
    })
    if (entryId !== undefined) publication.entryId = entryId
    this.#setKnown(hub, publication, true)
    hub.reporter.renew([torrentId])
    void this.#world.file.save()
  }

  #setKnown(hub: KnownHub, publication: RememberedPublication, isKnown: boolean): void {
    const standing = this.#standing(publication)
    if (standing.isKnown === isKnown) return
    standing.isKnown = isKnown
    this.#world.emit({ type: 'publication', publication: this.#shown(publication, hub) })
  }

  /** From here on the hub has yet to hear that it is gone. */
  #forget(publication: RememberedPublication): void {
    const { state } = this.#world.file
    const { hubUrl, name, torrentId } = publication
    state.publications = state.publications.filter((each) => each !== publication)
    state.withdrawals.push({ hubUrl, name })
    this.#standings.delete(publication)
    this.#label(torrentId)
  }

  async #withdrawAt(hub: KnownHub): Promise<void> {
    const { file } = this.#world
    for (const withdrawal of file.state.withdrawals.filter(({ hubUrl }) => hubUrl === hub.url)) {
      try {
        await hub.link.withdraw(withdrawal.name)
      } catch (error) {
        if (error instanceof LinkAway) return
        // It is not listed there (any more), which is what we want; or the hub will not, and asking again changes nothing.
        if (!(error instanceof ProblemError)) throw error
      }
      file.state.withdrawals = file.state.withdrawals.filter((each) => each !== withdrawal)
      void file.save()
    }
  }

  #standing(publication: RememberedPublication): Standing {
    let standing = this.#standings.get(publication)
    if (standing === undefined) {
      standing = { isKnown: false, copies: undefined, telling: undefined }
      this.#standings.set(publication, standing)
    }
    return standing
  }

  #shown(publication: RememberedPublication, hub: KnownHub): Publication {
    const { name, path, torrentId, size, pieceCount, pieceLength, entryId } = publication
    const { isKnown, copies } = this.#standing(publication)
    const copiesElsewhere = copies?.elsewhere ?? this.#world.shelf.copiesElsewhere(torrentId)
    return {
      hub: hub.id,
      name,
      path,
      torrentId,
      size,
      pieceCount,
      pieceLength,
      link: `${hub.url}/s/${encodeURIComponent(entryId ?? name)}`,
      magnet: formatMagnet({
        infoHashV1: toInfoHash(torrentId),
        name,
        exactLength: size,
        trackers: hub.memory.openUrls,
        webSeeds: [],
        peers: [],
      }),
      isKnown,
      copiesElsewhere,
      mayLeave: copies?.mayLeave ?? copiesElsewhere > 0,
    }
  }

  #label(torrentId: string): void {
    const here = this.#publications.filter((each) => each.torrentId === torrentId)
    this.#world.shelf.setPublications(
      torrentId,
      here.map(({ hubUrl, name }) => ({ hub: hubIdOf(hubUrl), name })),
    )
  }

  #log({ torrentId, name }: RememberedPublication, mayLeave: boolean): void {
    const text = mayLeave
      ? `Others hold every piece of ${JSON.stringify(name)} now: you may go off line`
      : `Nobody else holds every piece of ${JSON.stringify(name)} any more: please stay`
    this.#world.emit({ type: 'log', id: torrentId, line: { at: this.#world.system.wallClock(), level: 'note', text } })
  }
}

function requireRight({ memory, name }: KnownHub): void {
  if (memory.mayPublish) return
  if (memory.account === undefined)
    throw new ProblemError('NOT_SIGNED_IN', `Sharing on ${name} needs an account. Sign in first: login (or register)`)
  throw new ProblemError('FORBIDDEN', `The account ${JSON.stringify(memory.account.name)} may not share on ${name}. Ask whoever runs it`)
}
