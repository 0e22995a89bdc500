import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { CONTROL_PATH } from '@shoal/api/control-channel'
import { ProblemError, problemOf } from '@shoal/api/problem'
import type { Authenticator } from '@shoal/door/authenticator'
import { nothingThere } from '@shoal/door/canonical-url'
import { problemHeaders } from '@shoal/door/refusal'
import type { WebDoor } from '@shoal/door/web-door'
import type { ControlChannel } from '../control/control-channel.ts'
import { HUB_WORDS } from './hub-words.ts'

/** Lets Shoal peers in to the control channel, and nobody else to any other WebSocket. */
export class ControlDoor {
  readonly #door: WebDoor
  readonly #authenticator: Authenticator
  readonly #channel: ControlChannel
  readonly #onBug: (error: unknown) => void

  constructor(door: WebDoor, authenticator: Authenticator, channel: ControlChannel, onBug: (error: unknown) => void) {
    this.#door = door
    this.#authenticator = authenticator
    this.#channel = channel
    this.#onBug = onBug
  }

  /** For `upgrade` events of the server. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Uint8Array): void => {
    // The peer may go while its token is looked up.
    socket.on('error', () => socket.destroy())
    this.#admit(request, socket, head).catch((error: unknown) => {
      if (error instanceof ProblemError) {
        refuse(socket, error)
        return
      }
      this.#onBug(error)
      refuse(socket, new ProblemError('BUG', 'Something went wrong inside the hub, not in this request'))
    })
  }

  async #admit(request: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> {
    const { facts, url, reach } = this.#door.upgradeFacts(request)
    if (url.path !== CONTROL_PATH) throw nothingThere(url.path)
    // Every browser sends it, and no page has anything to do here.
    if (request.headers.origin !== undefined) throw new ProblemError('FOREIGN_ORIGIN', 'Pages cannot use the control channel')
    // A cookie would be a page's.
    const callerNow = () => this.#authenticator.callerOf({ ...facts, cookie: undefined })
    const caller = await callerNow()
    if (!caller.may('files:read')) {
      throw caller.accountId === undefined
        ? new ProblemError('NOT_SIGNED_IN', 'This hub is for its members: sign in, and send the token')
        : new ProblemError('FORBIDDEN', 'This needs the permission files:read, which this account or its token does not have')
    }
    const isForwarded = request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined
    const isDialable = !isForwarded || reach.ip !== this.#door.addressOf(request)
    this.#channel.accept(request, socket, head, { caller, isDialable, callerNow })
  }
}

function refuse(socket: Duplex, error: ProblemError): void {
  const body = JSON.stringify(problemOf(error))
  const headers = [
    ['content-type', 'application/problem+json; charset=utf-8'],
    ['content-length', `${Buffer.byteLength(body)}`],
    ['cache-control', 'no-store'],
    ['connection', 'close'],
    ...problemHeaders(error, HUB_WORDS),
  ]
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${head}\r\n${body}`, () => socket.destroy())
}
