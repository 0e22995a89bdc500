import type { IncomingMessage } from 'node:http'
import { CONTROL_FRAME_BYTES, CONTROL_PATH } from '@shoal/api/control-channel'
import { Problem } from '@shoal/api/problem'
import { Check } from 'typebox/schema'
import WebSocket from 'ws'

/** Why a socket ended, as far as is known. */
export interface SocketEnd {
  /** For people, without a full stop. */
  readonly reason: string
  /** The hub answered with this status instead of taking the channel, and perhaps said why. */
  readonly status?: number
  readonly problem?: Problem
}

export interface ControlSocketOwner {
  onOpen(): void
  onText(text: string): void
  /** A WebSocket ping or pong: the hub is there. */
  onHeartbeat(): void
  /** Once, however it ended. */
  onEnd(end: SocketEnd): void
}

/** One WebSocket to a hub. */
export interface ControlSocket {
  readonly unsentBytes: number
  send(text: string): void
  ping(): void
  close(): void
  /** Without waiting for anybody. */
  terminate(): void
}

export type OpenControlSocket = (hubUrl: string, token: string | undefined, owner: ControlSocketOwner) => ControlSocket

const HANDSHAKE_MS = 10_000
const MAX_REFUSAL_BYTES = 64 << 10
/** A hub that does not answer a close would keep the process for half a minute. */
const CLOSE_MS = 1_000

/** Over the network, with `ws`. */
export const openControlSocket: OpenControlSocket = (hubUrl, token, owner) => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const socket = new WebSocket(hubUrl.replace(/^http/i, 'ws') + CONTROL_PATH, {
    headers,
    perMessageDeflate: false,
    maxPayload: CONTROL_FRAME_BYTES,
    handshakeTimeout: HANDSHAKE_MS,
  })
  let reason = 'the hub closed the channel'
  let refusal: Pick<SocketEnd, 'status' | 'problem'> = {}
  socket.on('open', () => owner.onOpen())
  // Text frames come as one Buffer, and ws has checked that they are UTF-8; a hub sends no others.
  socket.on('message', (data, isBinary) => (isBinary ? undefined : owner.onText((data as Buffer).toString())))
  socket.on('ping', () => owner.onHeartbeat())
  socket.on('pong', () => owner.onHeartbeat())
  socket.on('unexpected-response', (_request, response) => {
    readRefusal(response)
      .then((problem) => {
        const status = response.statusCode ?? 0
        reason = problem?.detail ?? `the hub answers with the status ${status}`
        refusal = { status, ...(problem !== undefined && { problem }) }
      })
      .catch((error: Error) => {
        reason = error.message
      })
      .finally(() => socket.terminate())
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (refusal.status === undefined) reason = reasonOf(error)
  })
  socket.on('close', () => owner.onEnd({ reason, ...refusal }))
  return {
    get unsentBytes() {
      return socket.bufferedAmount
    },
    send: (text) => socket.send(text, () => undefined),
    ping: () => socket.ping(undefined, undefined, () => undefined),
    close: () => {
      socket.close(1000)
      setTimeout(() => socket.terminate(), CLOSE_MS).unref()
    },
    terminate: () => socket.terminate(),
  }
}

/** What a hub says instead of taking the channel; undefined when it does not say it in a hub's words. */
async function readRefusal(response: IncomingMessage): Promise<Problem | undefined> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > MAX_REFUSAL_BYTES) break
  }
  if (!response.headers['content-type']?.includes('json')) return undefined
  try {
    const problem: unknown = JSON.parse(text)
    return Check(Problem, problem) ? problem : undefined
  } catch {
    return undefined
  }
}

/** Happy eyeballs reports several errors as one that says nothing. */
function reasonOf(error: NodeJS.ErrnoException): string {
  const [first] = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : []
  switch (first?.code ?? error.code) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'no address has that name'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no way to that address'
    case 'ECONNRESET':
      return 'the connection was closed'
    default:
      return (first ?? error).message || 'the connection broke'
  }
}
