import type { HubMessage, PeerMessage } from '@shoal/api/control-channel'
import type { ControlSocketOwner, OpenControlSocket, SocketEnd } from '../src/hubs/control-socket.ts'

/** One channel as the hub sees it. */
export class FakeChannel {
  readonly url: string
  readonly token: string | undefined
  readonly heard: PeerMessage[] = []
  pings = 0
  isClosed = false
  unsentBytes = 0
  readonly #owner: ControlSocketOwner

  constructor(url: string, token: string | undefined, owner: ControlSocketOwner) {
    this.url = url
    this.token = token
    this.#owner = owner
  }

  open(): void {
    this.#owner.onOpen()
  }

  /** Says anything at all. */
  say(message: HubMessage | Record<string, unknown>): void {
    this.#owner.onText(JSON.stringify(message))
  }

  sayText(text: string): void {
    this.#owner.onText(text)
  }

  welcome(published: { name: string; infoHash: string }[] = []): void {
    this.open()
    this.say({ type: 'welcome', hostId: 'host-1', name: 'an', ip: '10.0.0.1', hubName: 'class', published })
  }

  beat(): void {
    this.#owner.onHeartbeat()
  }

  end(end: SocketEnd = { reason: 'the hub closed the channel' }): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#owner.onEnd(end)
  }

  last<T extends PeerMessage['type']>(type: T): Extract<PeerMessage, { type: T }> | undefined {
    return this.heard.findLast((message): message is Extract<PeerMessage, { type: T }> => message.type === type)
  }
}

/** Hubs that do what the test says: each try to connect is one more channel. */
export class FakeControl {
  readonly channels: FakeChannel[] = []

  readonly openSocket: OpenControlSocket = (url, token, owner) => {
    const channel = new FakeChannel(url, token, owner)
    this.channels.push(channel)
    return {
      get unsentBytes() {
        return channel.unsentBytes
      },
      send: (text) => {
        if (!channel.isClosed) channel.heard.push(JSON.parse(text) as PeerMessage)
      },
      ping: () => {
        channel.pings++
      },
      close: () => channel.end(),
      terminate: () => channel.end(),
    }
  }

  get latest(): FakeChannel {
    const channel = this.channels.at(-1)
    if (channel === undefined) throw new Error('Nobody has connected')
    return channel
  }
}
