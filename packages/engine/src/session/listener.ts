import { infoHashHex } from '@shoal/protocol/info-hash'
import type { Handshake } from '@shoal/protocol/wire/handshake'
import { EngineError } from '../base/errors.ts'
import type { SessionOptions } from '../base/options.ts'
import { type Admission, PeerConnection, type PeerDoor } from '../peer/peer-connection.ts'
import type { ByteStream, Listener as ListenerSocket, Network } from '../ports/network.ts'
import type { System } from '../ports/system.ts'

/** Finds the torrent that a stranger's handshake names. */
export interface TorrentDirectory {
  doorOf(infoHashHex: string): PeerDoor | undefined
  /** Whether there may be one connection more. */
  readonly hasRoom: boolean
  nextPeerKey(): number
}

/**
 * The one port of a session: a stranger connects, says which torrent it comes for, and is led to that swarm or
 * sent away. Strangers that have not spoken yet are bounded in number and in time (SAFETY W7).
 */
export class PeerListener implements PeerDoor {
  readonly #system: System
  readonly #network: Network
  readonly #options: SessionOptions
  readonly #directory: TorrentDirectory
  readonly #silent = new Set<PeerConnection>()
  #socket: ListenerSocket | undefined

  constructor(options: { system: System; network: Network; session: SessionOptions; directory: TorrentDirectory }) {
    this.#system = options.system
    this.#network = options.network
    this.#options = options.session
    this.#directory = options.directory
  }

  /** Strangers that have not spoken yet. */
  get silentCount(): number {
    return this.#silent.size
  }

  get port(): number | undefined {
    return this.#socket?.port
  }

  /** Listens on the first free port from `listenPort` on. @throws {EngineError} `PORT_IN_USE` when none is. */
  async open(): Promise<void> {
    const { listenPort, lastListenPort, host } = this.#options
    const lastPort = Math.max(listenPort, lastListenPort)
    for (let port = listenPort; ; port++) {
      try {
        this.#socket = await this.#network.listen({ port, ...(host === undefined ? {} : { host }) }, (stream) => this.#onStream(stream))
        return
      } catch (error) {
        const mayTryNext = error instanceof EngineError && error.code === 'PORT_IN_USE' && port < lastPort && listenPort !== 0
        if (!mayTryNext) throw error
      }
    }
  }

  admit(connection: PeerConnection, handshake: Handshake): Admission {
    this.#silent.delete(connection)
    const hex = infoHashHex(handshake.infoHash)
    const door = this.#directory.doorOf(hex)
    if (door === undefined) throw new EngineError('PEER_UNKNOWN_TORRENT', `It asks for ${hex}, which is not shared here`)
    return door.admit(connection, handshake)
  }

  async close(): Promise<void> {
    for (const connection of this.#silent) connection.close()
    this.#silent.clear()
    await this.#socket?.close()
  }

  #onStream(stream: ByteStream): void {
    if (!this.#directory.hasRoom) {
      stream.destroy()
      return
    }
    const connection = new PeerConnection({
      key: this.#directory.nextPeerKey(),
      stream,
      system: this.#system,
      connection: this.#options.connection,
      door: this,
      onRefused: () => this.#silent.delete(connection),
    })
    this.#silent.add(connection)
  }
}
