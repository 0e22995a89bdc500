import { join } from 'node:path'
import { fromHex } from '@shoal/protocol/bytes'
import { isTrackerFailure, type ScrapeEntry } from '@shoal/protocol/tracker/announce'
import { buildScrapeUrl, parseScrapeReply } from '@shoal/protocol/tracker/http'
import { until } from './deadline.ts'
import type { Host } from './host.ts'
import { PAYLOAD_NAME, PIECE_LENGTH } from './payload.ts'
import type { Program } from './program.ts'
import type { Scene } from './scene.ts'

const BIN = join(import.meta.dirname, '../../packages/cli/bin/shoal.js')

const MEMBERS_HUB = join(import.meta.dirname, 'members-hub-program.ts')

/** Which door of the hub a torrent leads to. */
export type TrackerScheme = 'http' | 'udp'

function shoal(scene: Scene, host: Host, name: string, ...words: string[]): Program {
  const home = join(scene.folder, `home of ${name}`)
  return scene.start(host, name, [process.execPath, BIN, ...words, '--json'], { env: { HOME: home, SHOAL_HOME: home, NO_COLOR: '1' } })
}

/** Our tracker, as people run it. */
export class HubUnderTest {
  readonly #host: Host
  readonly #urls: Readonly<Record<TrackerScheme, string>>

  private constructor(host: Host, urls: Readonly<Record<TrackerScheme, string>>) {
    this.#host = host
    this.#urls = urls
  }

  static async start(scene: Scene, host: Host): Promise<HubUnderTest> {
    const hub = shoal(scene, host, 'hub', 'hub', '--host', host.address, '--port', '0', '--open')
    const { announce, udp } = JSON.parse(await hub.line(/"event":"ready"/)) as { announce: string; udp: string }
    return new HubUnderTest(host, { http: announce, udp })
  }

  /** One that asks for a key; its URLs have it. */
  static async startForMembers(scene: Scene, host: Host): Promise<HubUnderTest> {
    const hub = scene.start(host, 'hub', [process.execPath, MEMBERS_HUB, host.address, 'key-of-a-member'])
    const { announce, udp } = JSON.parse(await hub.line(/"event":"ready"/)) as { announce: string; udp: string }
    return new HubUnderTest(host, { http: announce, udp })
  }

  url(scheme: TrackerScheme): string {
    return this.#urls[scheme]
  }

  async scrape(infoHash: string): Promise<ScrapeEntry> {
    const url = buildScrapeUrl(this.#urls.http.replace(/announce$/, 'scrape'), [fromHex(infoHash)!])
    const reply = parseScrapeReply((await this.#host.ask({ url })).body)
    if (isTrackerFailure(reply)) throw new Error(`The hub refuses to be asked: ${reply.failureReason}`)
    return reply[0]!
  }

  /** Whoever announces to it does so through the one door that its torrent names, so these figures prove which client can use which door. */
  whenSeen(infoHash: string, what: string, isSo: (entry: ScrapeEntry) => boolean): Promise<ScrapeEntry> {
    let last: ScrapeEntry | undefined
    return until(`the hub has seen ${what}`, async () => {
      last = await this.scrape(infoHash)
      return isSo(last) ? last : undefined
    }).catch((error: unknown) => {
      throw new Error(`The hub has ${last?.complete} seeds, ${last?.incomplete} leechers, ${last?.downloaded} completed`, { cause: error })
    })
  }
}

export interface TorrentUnderTest {
  readonly file: string
  readonly magnet: string
  /** Lower-case hex, v1. */
  readonly infoHash: string
  /** Where its seed finds the data. */
  readonly dataDir: string
}

export interface NewTorrent {
  readonly host: Host
  /** The file or folder, in `dataDir`. */
  readonly content: string
  readonly dataDir: string
  readonly tracker: string
  /** Any other gives another info hash, and so a swarm of its own. */
  readonly source: string
  readonly pieceLength: number
}

export async function createTorrentWithShoal(scene: Scene, options: NewTorrent): Promise<TorrentUnderTest> {
  const { host, content, dataDir, tracker, source, pieceLength } = options
  const file = join(scene.folder, 'ours.torrent')
  const words = ['-o', file, '--tracker', tracker, '--source', source, '--piece-length', String(pieceLength)]
  const lines = await shoal(scene, host, 'create', 'create', content, ...words).success()
  const { infoHashV1, magnet } = JSON.parse(lines.at(-1)!) as { infoHashV1: string; magnet: string }
  return { file, magnet, infoHash: infoHashV1, dataDir }
}

/** A torrent that we make of the payload. */
export function createWithShoal(scene: Scene, options: Pick<NewTorrent, 'host' | 'tracker' | 'source'>): Promise<TorrentUnderTest> {
  const dataDir = scene.payloadDir('data')
  return createTorrentWithShoal(scene, { ...options, dataDir, content: join(dataDir, PAYLOAD_NAME), pieceLength: PIECE_LENGTH })
}

/** How we read a torrent that another client made. */
export async function readWithShoal(scene: Scene, options: { host: Host; file: string; dataDir: string }): Promise<TorrentUnderTest> {
  const { host, file, dataDir } = options
  const lines = await shoal(scene, host, 'show', 'show', file).success()
  const { infoHashV1, magnet } = JSON.parse(lines.at(-1)!) as { infoHashV1: string; magnet: string }
  return { file, magnet, infoHash: infoHashV1, dataDir }
}

/** Shares until the scene ends; resolves when the tracker knows. */
export async function seedWithShoal(scene: Scene, options: { host: Host; torrent: TorrentUnderTest; extra?: string[] }): Promise<Program> {
  const { host, torrent, extra = [] } = options
  const seed = shoal(scene, host, 'our seed', 'seed', torrent.file, '--dir', torrent.dataDir, '--port', '0', ...extra)
  await seed.line(/"event":"ready"/)
  return seed
}

/** Other clients may let us wait for their next round of unchoking, and hang up on two of us who come at the same moment. */
const GET_WITHIN_MS = 90_000

/** Gets all of it, from a .torrent file or a magnet link, and ends. */
export async function getWithShoal(scene: Scene, options: { host: Host; what: string; dir: string }): Promise<void> {
  const get = shoal(scene, options.host, 'our get', 'get', options.what, '--dir', options.dir, '--port', '0')
  await get.success({ withinMs: GET_WITHIN_MS })
}
