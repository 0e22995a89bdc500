import { request } from 'node:http'
import { DaemonServer } from '../src/daemon-http/daemon-server.ts'
import { FakeDesk } from './fake-desk.ts'

export const TOKEN = 'T'.repeat(43)
export const AS_OWNER = { authorization: `Bearer ${TOKEN}` } as const

export interface DaemonDoor extends AsyncDisposable {
  readonly server: DaemonServer
  readonly desk: FakeDesk
  readonly bugs: unknown[]
  readonly stopsAsked: { count: number }
  /** What a write waits for. */
  readonly disk: { saved: Promise<void> }
  /** Of the keys for players and of repeated calls. */
  readonly clock: { now: number }
}

/** The daemon's API over a desk that does nothing. */
export async function openDaemonDoor(): Promise<DaemonDoor> {
  const desk = new FakeDesk()
  const bugs: unknown[] = []
  const stopsAsked = { count: 0 }
  const disk = { saved: Promise.resolve() }
  const clock = { now: 1_700_000_000_000 }
  let drawn = 0
  const server = await DaemonServer.open({
    torrents: desk,
    hubs: desk,
    subscribe: (listener) => desk.subscribe(listener),
    token: TOKEN,
    folder: '/home-of-an/peer',
    port: 0,
    version: '0.1.0',
    system: { now: () => clock.now, wallClock: () => clock.now, randomBytes: (length) => new Uint8Array(length).fill(++drawn) },
    whenSaved: () => disk.saved,
    onStopAsked: () => stopsAsked.count++,
    onBug: (error) => bugs.push(error),
    checksReplies: true,
  })
  return { server, desk, bugs, stopsAsked, disk, clock, [Symbol.asyncDispose]: () => server.close() }
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  /** The body is all that was promised. */
  readonly isWhole: boolean
}

/** A request as it stands, with whatever `Host` and `Origin` one likes; fetch would not let us. */
export function rawCall(url: string, method: string, headers: Readonly<Record<string, string>> = {}, body?: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers: { connection: 'close', ...headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => undefined) // it is told by `isWhole`
      response.on('close', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks), isWhole: response.complete }),
      )
    })
    call.on('error', reject)
    call.end(body)
  })
}
