import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EventFeed } from './event-feed.ts'
import type { HubEvent } from './hub-api.ts'
import { ProblemError, problemOf } from './problem.ts'
import { THIS_PLATFORM, type WebPlatform, type WebRequest } from './web-platform.ts'

interface Connection {
  readonly request: WebRequest & { readonly url: string }
  /** Lets the hub answer. */
  readonly answer: (response: Response) => void
  readonly fail: (error: Error) => void
}

/** A hub whose side of each connection the test plays, and time that passes when the test says so. */
class Scene {
  readonly log: string[] = []
  readonly events: HubEvent[] = []
  readonly stop: AbortController = new AbortController()
  readonly ended: Promise<void>
  readonly #connections: Connection[] = []
  #onConnection: (() => void) | undefined
  #timers: { ms: number; callback: () => void }[] = []
  #onLog = (): void => {}

  constructor(watch?: string) {
    const platform: WebPlatform = {
      ...THIS_PLATFORM,
      fetch: (url, request) =>
        new Promise((resolve, reject) => {
          request.signal.addEventListener('abort', () => reject(new Error('aborted')))
          this.#connections.push({ request: { ...request, url }, answer: resolve, fail: reject })
          this.#onConnection?.()
        }),
      after: (ms, callback) => {
        const timer = { ms, callback }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((each) => each !== timer)
        }
      },
    }
    const options = { url: 'http://hub.example', token: 't', platform, chance: () => 0.5, ...(watch === undefined ? {} : { watch }) }
    const say = (line: string): void => {
      this.log.push(line)
      this.#onLog()
    }
    const feed = new EventFeed(options, {
      onEvent: (event) => {
        this.events.push(event)
        say(event.type)
      },
      onOpen: () => say('open'),
      onBreak: (reason, waitMs) => say(`${(reason as { code?: string }).code} ${waitMs}`),
    })
    this.ended = feed.run(this.stop.signal)
  }

  async connection(): Promise<Connection> {
    while (this.#connections.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onConnection = resolve
      })
    }
    return this.#connections.shift()!
  }

  /** A connection that the hub takes; what is written into it arrives. */
  async open(): Promise<{ request: Connection['request']; write(text: string): void; end(): void }> {
    const { request, answer } = await this.connection()
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given
      },
    })
    request.signal.addEventListener('abort', () => controller?.error(new Error('aborted')))
    answer(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
    return { request, write: (text) => controller?.enqueue(new TextEncoder().encode(text)), end: () => controller?.close() }
  }

  async whenLogged(line: string): Promise<void> {
    while (!this.log.includes(line)) {
      await new Promise<void>((resolve) => {
        this.#onLog = resolve
      })
    }
  }

  /** The timers that are set, and a push for the one of that length. */
  passTime(ms: number): void {
    const timer = this.#timers.find((each) => each.ms === ms)
    assert.ok(timer, `no timer of ${ms} ms among ${this.#timers.map((each) => each.ms).join(', ')}`)
    this.#timers = this.#timers.filter((each) => each !== timer)
    timer.callback()
  }
}

const withdrawn = (id: string) => ({ type: 'file-withdrawn', id, name: 'a' }) as const
const sent = (seq: number, event: HubEvent) => `id: ${seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

describe('EventFeed', () => {
  test('tells what happens, and leaves out what it does not know', async () => {
    const scene = new Scene('ab'.repeat(20))
    const hub = await scene.open()
    assert.equal(hub.request.url, `http://hub.example/v1/events?watch=${'ab'.repeat(20)}`)
    assert.equal(hub.request.headers.authorization, 'Bearer t')
    assert.equal(hub.request.headers['last-event-id'], undefined)
    hub.write(`: heartbeat\n\n${sent(1, withdrawn('x'))}id: 2\nevent: moon-landing\ndata: {"type":"moon-landing"}\n\ndata: no json\n\n`)
    hub.write(sent(3, { type: 'reset' }))
    await scene.whenLogged('reset')
    assert.deepEqual(scene.events, [withdrawn('x'), { type: 'reset' }])
    scene.stop.abort()
    await scene.ended
  })

  test('goes on after the last event that was whole when the stream breaks', async () => {
    const scene = new Scene()
    const first = await scene.open()
    first.write(`${sent(41, withdrawn('x'))}id: 42\nevent: file-with`)
    await scene.whenLogged('file-withdrawn')
    first.end()
    await scene.whenLogged('HUB_UNREACHABLE 750')
    scene.passTime(750)
    const second = await scene.open()
    assert.equal(second.request.headers['last-event-id'], '41')
    scene.stop.abort()
    await scene.ended
    assert.deepEqual(scene.log.slice(0, 3), ['open', 'file-withdrawn', 'HUB_UNREACHABLE 750'])
  })

  test('waits longer each time that nobody answers, up to half a minute', async () => {
    const scene = new Scene()
    for (const waitMs of [750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500]) {
      const { fail } = await scene.connection()
      scene.log.length = 0
      fail(new Error('refused'))
      await scene.whenLogged(`HUB_UNREACHABLE ${waitMs}`)
      scene.passTime(waitMs)
    }
    scene.stop.abort()
    await scene.ended
  })

  test('takes a long silence for a break', async () => {
    const scene = new Scene()
    await scene.open()
    await scene.whenLogged('open')
    scene.passTime(45_000)
    await scene.whenLogged('HUB_SILENT 750')
    scene.stop.abort()
    await scene.ended
  })

  test('waits as long as the hub asks for', async () => {
    const scene = new Scene()
    const { answer } = await scene.connection()
    const problem = problemOf(new ProblemError('RATE_LIMITED', 'Too many streams', { retryAfterSeconds: 60 }))
    answer(new Response(JSON.stringify(problem), { status: 429, headers: { 'content-type': 'application/problem+json' } }))
    await scene.whenLogged('RATE_LIMITED 60000')
    scene.stop.abort()
    await scene.ended
  })

  test('gives up when the hub refuses for good', async () => {
    const scene = new Scene()
    const { answer } = await scene.connection()
    const problem = problemOf(new ProblemError('NOT_SIGNED_IN', 'Sign in first'))
    answer(new Response(JSON.stringify(problem), { status: 401, headers: { 'content-type': 'application/problem+json' } }))
    await assert.rejects(scene.ended, { code: 'NOT_SIGNED_IN' })
  })
})
