import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { TlsFiles } from './tls-files.ts'

export interface TlsDoorOptions {
  /** Connections at once; further ones are closed as they come. */
  readonly maxConnections: number
  /** Takes a connection whose handshake is done: from then on it is one like any other. */
  accept(socket: TLSSocket): void
  /** The door itself failed, after it had opened. */
  onBug(error: unknown): void
}

/** Somebody who connects and says nothing. */
const HANDSHAKE_TIMEOUT_MS = 10_000

/** Where HTTPS comes in: it listens in place of the plain server, and hands over what is left when the encryption is off. */
export class TlsDoor {
  readonly #server: Server
  readonly #options: TlsDoorOptions
  readonly #sockets = new Set<TLSSocket>()

  constructor(files: TlsFiles, options: TlsDoorOptions) {
    this.#options = options
    this.#server = createServer({
      ...files.pair,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    })
    this.#server.maxConnections = options.maxConnections
    files.serve(this.#server)
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      options.accept(socket)
    })
    this.#server.on('tlsClientError', (_error, socket) => {
      socket.destroy() // plain HTTP, a scanner, a client that distrusts the certificate: theirs to notice
    })
  }

  /** @returns the port. Rejects with the system's own error. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', (error) => this.#options.onBug(error))
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  /** Takes nobody any more; whoever is in has until `graceMs` to finish. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, graceMs)
    await closed
    clearTimeout(timer)
  }
}
