import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { madeTorrent } from '../../packages/hub/test/made-torrent.ts'

const PROGRAM = fileURLToPath(new URL('../../packages/hub/src/main.ts', import.meta.url))
/** Who publish at once. */
const CALLERS = 4
/** Published by all of them together, at most; with pauses for what is left of a second. */
const WRITES_PER_SECOND = 200

/** What one hub after another is expected to have. */
export interface CrashedHub {
  readonly state: string
  /** Of its owner; undefined before the first round. */
  token: string | undefined
  /** Info hashes by name, of all that was answered with 201. */
  readonly acknowledged: Map<string, string>
  /** Were under way when the hub died: may be there. */
  unheard: number
}

interface Running {
  readonly process: ChildProcess
  readonly url: string
  readonly setupCode: string | undefined
}

/** Starts the hub, looks for everything that was acknowledged before, publishes more, and kills it after `ms`. */
export async function hubRound(hub: CrashedHub, round: number, ms: number): Promise<void> {
  const running = await start(hub.state)
  try {
    hub.token ??= await becomeOwner(running)
    await expectAll(hub, running.url)
    let isOver = false
    const publishing = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let i = 0; !isOver; i++) {
        const pause = new Promise((resolve) => void setTimeout(resolve, (1_000 * CALLERS) / WRITES_PER_SECOND))
        if (!(await publish(hub, running.url, `r${round}-c${caller}-${i}`))) return
        await pause
      }
    })
    await new Promise((resolve) => void setTimeout(resolve, ms))
    running.process.kill('SIGKILL')
    isOver = true
    await Promise.all(publishing)
  } finally {
    running.process.kill('SIGKILL')
    if (running.process.exitCode === null && running.process.signalCode === null) await once(running.process, 'exit')
  }
}

async function start(state: string): Promise<Running> {
  const child = spawn(process.execPath, [PROGRAM, '--port', '0', '--state', state, '--public-url', 'http://hub.example'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`The hub did not start: ${text}`)))
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (/udp:\/\/\S+\n/.test(text)) resolve()
    })
  })
  const port = /udp:\/\/[^:]+:(\d+)\//.exec(text)?.[1]
  return { process: child, url: `http://127.0.0.1:${port}`, setupCode: /\/setup#(\S+)/.exec(text)?.[1] }
}

async function becomeOwner({ url, setupCode }: Running): Promise<string> {
  const response = await fetch(`${url}/v1/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code: setupCode, name: 'an', password: 'a sentence of mine' }),
  })
  assert.equal(response.status, 201)
  return ((await response.json()) as { token: string }).token
}

/** @returns false when the hub is gone */
async function publish(hub: CrashedHub, url: string, name: string): Promise<boolean> {
  const { bytes, infoHash } = madeTorrent({ name })
  const torrent = Buffer.from(bytes).toString('base64')
  try {
    const response = await fetch(`${url}/v1/files`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${hub.token}` },
      body: JSON.stringify({ torrent }),
    })
    assert.equal(response.status, 201, `${name} was refused`)
    hub.acknowledged.set(name, infoHash)
    return true
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    hub.unheard++
    return false // killed while it was asked
  }
}

async function expectAll(hub: CrashedHub, url: string): Promise<void> {
  const headers = { authorization: `Bearer ${hub.token}` }
  const there = new Map<string, string>()
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const query = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const response = await fetch(`${url}/v1/files?limit=100${query}`, { headers })
    assert.equal(response.status, 200)
    const page = (await response.json()) as { items: { name: string; infoHash: string }[]; nextCursor?: string }
    for (const { name, infoHash } of page.items) there.set(name, infoHash)
    cursor = page.nextCursor
  }
  const lost = [...hub.acknowledged].filter(([name, infoHash]) => there.get(name) !== infoHash)
  assert.deepEqual(lost, [], 'acknowledged entries are lost')
  // and their .torrent files: of the last ones, since nothing touches the others any more
  for (const infoHash of [...hub.acknowledged.values()].slice(-20)) {
    const response = await fetch(`${url}/v1/torrents/${infoHash}/file`, { headers })
    assert.equal(response.status, 200, `the .torrent of ${infoHash} is lost`)
    await response.arrayBuffer()
  }
}
