import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { createServer, isIP, isIPv4, isIPv6, type Server } from 'node:net'
import { EngineError } from '../base/errors.ts'
import type {
  ByteStream,
  DatagramSocket,
  DialOptions,
  Endpoint,
  HttpRequest,
  HttpResponse,
  Listener,
  ListenOptions,
  Network,
} from '../ports/network.ts'
import { addressReach, normaliseHost } from './address.ts'
import { NodeByteStream } from './byte-stream.ts'
import { httpGet } from './http.ts'
import { errorCode, networkError } from './system-error.ts'

/** The machine's own network. */
export class NodeNetwork implements Network {
  dial(remote: Endpoint, options: DialOptions): Promise<ByteStream> {
    const doing = `Cannot connect to ${endpointText(remote)}`
    const { timeoutMs, signal } = options
    return new Promise((resolve, reject) => {
      if (isIP(remote.host) === 0 || !isPort(remote.port)) {
        reject(new EngineError('NETWORK_FAILED', `${doing}: that is not an IP address with a port from 1 to 65535.`))
        return
      }
      const givenUp = (): EngineError => new EngineError('CLOSED', `${doing}: it was called off.`)
      if (signal?.aborted === true) {
        reject(givenUp())
        return
      }
      let settled = false
      const settle = (error: EngineError | undefined): void => {
        if (settled) return
        settled = true
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        if (error === undefined) {
          resolve(stream)
        } else {
          stream.destroy()
          reject(error)
        }
      }
      const onAbort = (): void => settle(givenUp())
      const onTimeout = (): void => settle(new EngineError('NETWORK_TIMEOUT', `${doing}: no answer within ${timeoutMs / 1000} s.`))
      const timer = setTimeout(onTimeout, timeoutMs)
      signal?.addEventListener('abort', onAbort)
      const stream = NodeByteStream.dial({ host: normaliseHost(remote.host), port: remote.port }, (error) =>
        settle(error === undefined ? undefined : networkError(error, doing)),
      )
    })
  }

  async listen(options: ListenOptions, onStream: (stream: ByteStream) => void): Promise<Listener> {
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      const { remoteAddress, remotePort } = socket
      if (remoteAddress === undefined || remotePort === undefined) {
        socket.destroy() // gone before we could look
        return
      }
      onStream(NodeByteStream.accepted(socket, { host: normaliseHost(remoteAddress), port: remotePort }))
    })
    if (options.host !== undefined) {
      await bind(server, options.host, options.port)
    } else {
      try {
        await bind(server, '::', options.port) // takes IPv4 too
      } catch (error) {
        if (error instanceof EngineError && (error.code === 'PORT_IN_USE' || error.code === 'PORT_NOT_ALLOWED')) throw error
        await bind(server, '0.0.0.0', options.port) // a machine without IPv6
      }
    }
    // An error after this is a connection that could not be accepted (no descriptors left): it is that peer's loss only.
    server.on('error', () => {})
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('Cannot happen: a TCP server without a port')
    return {
      port: address.port,
      close: async () => {
        // Accepted sockets have left the server, so this waits for the listening socket alone.
        if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()))
      },
    }
  }

  openDatagrams(
    options: { readonly family: 4 | 6; readonly port?: number },
    onDatagram: (bytes: Uint8Array, from: Endpoint) => void,
  ): Promise<DatagramSocket> {
    const isFamily = options.family === 4 ? isIPv4 : isIPv6
    const port = options.port ?? 0
    const socket = createSocket({
      type: options.family === 4 ? 'udp4' : 'udp6',
      ipv6Only: options.family === 6,
      // Destinations are literals: Node's own look-up would put each datagram through a queue.
      lookup: (host, _options, callback) => callback(null, host, options.family),
    })
    let isOpen = true
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        socket.close()
        reject(portError(error, port, 'UDP'))
      }
      socket.once('error', failed)
      socket.bind(port, () => {
        socket.off('error', failed)
        socket.on('error', () => {}) // about one destination or another: the socket goes on
        resolve({
          port: socket.address().port,
          send: (bytes, to) => {
            if (!isOpen || !isFamily(to.host) || !isPort(to.port)) return
            // A copy, because a datagram that must wait is read later, and who sends from a pool does not wait.
            socket.send(bytes.slice(), to.port, to.host, () => {})
          },
          close: () => {
            if (!isOpen) return
            isOpen = false
            socket.close()
          },
        })
      })
      socket.on('message', (message, from) => {
        if (!isOpen) return
        const bytes = new Uint8Array(message.buffer, message.byteOffset, message.length)
        onDatagram(bytes, { host: normaliseHost(from.address), port: from.port })
      })
    })
  }

  async resolve(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [normaliseHost(host)]
    try {
      const found = await lookup(host, { all: true, order: 'verbatim' })
      return found.map(({ address }) => normaliseHost(address))
    } catch (error) {
      throw networkError(error, `Cannot find the address of "${host}"`)
    }
  }

  get(request: HttpRequest): Promise<HttpResponse> {
    return httpGet(request, { resolve: (host) => this.resolve(host), reachOf: addressReach })
  }
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(portError(error, port, 'TCP'))
    server.once('error', failed)
    server.listen({ host, port }, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

function portError(error: Error, port: number, protocol: 'TCP' | 'UDP'): EngineError {
  const cannot = `Cannot listen on ${protocol} port ${port}`
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new EngineError('PORT_IN_USE', `${cannot}: another program has it. Stop that program, or choose another port.`, {
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
      return new EngineError('PORT_NOT_ALLOWED', `${cannot}: this user may not. Choose a port from 1024 to 65535.`, { cause: error })
    default:
      return networkError(error, cannot)
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535
}

function endpointText({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
