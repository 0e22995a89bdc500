import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './deadline.ts'
import type { Host } from './host.ts'
import { PIECE_LENGTH } from './payload.ts'
import type { Scene } from './scene.ts'

/** Fixed, because it lives in a network of its own. */
const RPC_PORT = 9091
const PEER_PORT = 51_413

/** How a peer may be spoken to: Transmission's own default is to prefer encryption. */
export const ENCRYPTION = { tolerated: 0, preferred: 1 } as const

/** What its remote control tells of a torrent, as far as the tests ask. */
interface RpcTorrent {
  readonly percentDone: number
  readonly metadataPercentComplete: number
  readonly status: number
  readonly errorString: string
}

const FIELDS = ['percentDone', 'metadataPercentComplete', 'status', 'errorString']
/** Of `status`. */
const SEEDING = 6

/** A transmission-daemon in a network namespace: it refuses to talk to peers on 127.0.0.0/8. */
export class Transmission {
  readonly #host: Host
  #sessionId = ''

  private constructor(host: Host) {
    this.#host = host
  }

  static async start(scene: Scene, host: Host, { encryption }: { readonly encryption: number }): Promise<Transmission> {
    const home = scene.dir('transmission home')
    const settings = {
      'bind-address-ipv4': host.address,
      'peer-port': PEER_PORT,
      'rpc-port': RPC_PORT,
      'rpc-bind-address': host.address,
      'rpc-whitelist-enabled': false,
      'rpc-host-whitelist-enabled': false,
      encryption,
      'dht-enabled': false,
      'lpd-enabled': false,
      'pex-enabled': false,
      'utp-enabled': false,
      'port-forwarding-enabled': false,
      'rename-partial-files': false,
      'incomplete-dir-enabled': false,
      'download-queue-enabled': false,
      'seed-queue-enabled': false,
      'trash-original-torrent-files': false,
    }
    writeFileSync(join(home, 'settings.json'), JSON.stringify(settings))
    scene.start(host, 'transmission', ['transmission-daemon', '--foreground', '--config-dir', home, '--log-info'], { env: { HOME: home } })
    const transmission = new Transmission(host)
    await until('transmission answers its remote control', () => transmission.#ask('session-get', {}).catch(() => undefined))
    return transmission
  }

  /** Adds a .torrent file or a magnet link: shares what is in `dir`, gets what is not. Returns the info hash it reads. */
  async add(what: string, dir: string): Promise<string> {
    const source = what.startsWith('magnet:') ? { filename: what } : { metainfo: readFileSync(what).toString('base64') }
    const { 'torrent-added': added } = await this.#ask('torrent-add', { ...source, 'download-dir': dir })
    return (added as { hashString: string }).hashString
  }

  /** Resolves when it has everything and shares it. */
  async whenComplete(infoHash: string): Promise<void> {
    await until(
      'transmission has everything',
      async () => {
        const torrent = await this.#torrent(infoHash)
        return torrent.metadataPercentComplete === 1 && torrent.percentDone === 1 && torrent.status === SEEDING ? true : undefined
      },
      { withinMs: 90_000 },
    )
  }

  async #torrent(infoHash: string): Promise<RpcTorrent> {
    const { torrents } = await this.#ask('torrent-get', { ids: [infoHash], fields: FIELDS })
    const torrent = (torrents as RpcTorrent[])[0]
    if (torrent === undefined) throw new Error(`Transmission does not know ${infoHash}`)
    if (torrent.errorString !== '') throw new Error(`Transmission says: ${torrent.errorString}`)
    return torrent
  }

  async #ask(method: string, words: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { status, headers, body } = await this.#host.ask({
      url: `http://${this.#host.address}:${RPC_PORT}/transmission/rpc`,
      method: 'POST',
      headers: { 'x-transmission-session-id': this.#sessionId },
      body: JSON.stringify({ method, arguments: words }),
    })
    if (status === 409) {
      this.#sessionId = headers['x-transmission-session-id'] ?? ''
      return this.#ask(method, words)
    }
    const answer = JSON.parse(new TextDecoder().decode(body)) as { result: string; arguments: Record<string, unknown> }
    if (answer.result !== 'success') throw new Error(`Transmission refuses ${method}: ${answer.result}`)
    return answer.arguments
  }
}

export async function createWithTransmission(
  scene: Scene,
  options: { readonly host: Host; readonly content: string; readonly tracker: string },
): Promise<string> {
  const file = join(scene.folder, 'theirs.torrent')
  const { host, content, tracker } = options
  const pieceSize = String(PIECE_LENGTH / 1024 / 2) // other pieces make another info hash
  const command = ['transmission-create', '--outfile', file, '--tracker', tracker, '--piecesize', pieceSize, content]
  await scene.start(host, 'transmission-create', command).success()
  return file
}
