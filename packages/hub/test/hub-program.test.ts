import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { backUpHub } from '../src/backups.ts'
import { madeTorrent } from './made-torrent.ts'

const PROGRAM = fileURLToPath(new URL('../src/main.ts', import.meta.url))

interface Running {
  readonly process: ChildProcess
  readonly url: string
  readonly setupCode: string | undefined
  /** What it has said so far. */
  said(): string
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** As docs/hub.md has it, but on loopback: what makes it a hub for members is the public URL. */
async function start(t: TestContext, state: string, ...flags: string[]): Promise<Running> {
  const words = ['--port', '0', '--state', state, '--public-url', 'http://class.example', ...flags]
  const child = spawn(process.execPath, [PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  const ended = once(child, 'close')
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (/udp:\/\/\S+\n/.test(text)) resolve()
    })
    void ended.then(() => resolve())
  })
  const port = /udp:\/\/[^:]+:(\d+)\//.exec(text)?.[1]
  assert.ok(port !== undefined, text)
  // what it prints, it prints at once
  const setupCode = /\/setup#(\S+)/.exec(text)?.[1]
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    await ended
    return child.exitCode
  }
  return { process: child, url: `http://127.0.0.1:${port}`, setupCode, said: () => text, stop }
}

function stateOf(t: TestContext): string {
  const state = mkdtempSync(join(tmpdir(), 'shoal-program-'))
  t.after(() => rmSync(state, { recursive: true }))
  return join(state, 'hub')
}

async function post(url: string, body: object, token?: string): Promise<{ status: number; reply: Record<string, unknown> }> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization },
    body: JSON.stringify(body),
  })
  return { status: response.status, reply: (await response.json()) as Record<string, unknown> }
}

async function get(url: string, token?: string): Promise<Response> {
  return fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })
}

const PASSWORD = 'a sentence that only one knows'

interface SignedIn {
  readonly token: string
  readonly account: { readonly role: string; readonly announceUrls: readonly string[] }
}

describe('a hub, from nothing', () => {
  test('has an owner, an invited member and a first file after what docs/hub.md says, and after a crash and a restore', async (t) => {
    const state = stateOf(t)
    const hub = await start(t, state, '--name', 'Class 4')
    assert.equal((await get(`${hub.url}/v1/files`)).status, 401)

    const setUp = await post(`${hub.url}/v1/setup`, { code: hub.setupCode, name: 'an', password: PASSWORD })
    assert.equal(setUp.status, 201)
    const an = setUp.reply as unknown as SignedIn
    assert.equal(an.account.role, 'owner')
    assert.equal((await post(`${hub.url}/v1/setup`, { code: hub.setupCode, name: 'eve', password: PASSWORD })).status, 409)

    // on the machine of the hub, as `shoal hub shell` does it
    assert.equal(readFileSync(join(state, 'url'), 'utf8'), `${hub.url}\nhttp://class.example\n`)
    const operator = readFileSync(join(state, 'operator-token'), 'utf8').trim()
    const invited = await post(`${hub.url}/v1/invites`, { note: 'binh' }, operator)
    assert.equal(invited.status, 201)
    assert.match(String(invited.reply.link), /^http:\/\/class\.example\//)
    assert.equal((await post(`${hub.url}/v1/accounts`, { name: 'eve', password: PASSWORD })).status, 403)
    const joined = await post(`${hub.url}/v1/accounts`, { name: 'binh', password: PASSWORD, invite: invited.reply.code })
    assert.equal(joined.status, 201)
    const binh = joined.reply as unknown as SignedIn

    const { bytes, infoHash } = madeTorrent({ name: 'lecture-04' })
    const form = new FormData()
    form.set('torrent', new Blob([bytes]), 'lecture-04.torrent')
    const uploaded = await fetch(`${hub.url}/v1/files`, { method: 'POST', headers: { authorization: `Bearer ${an.token}` }, body: form })
    assert.equal(uploaded.status, 201)

    const lookFrom = async (url: string): Promise<void> => {
      const page = (await (await get(`${url}/v1/files`, binh.token)).json()) as { items: { name: string; infoHash: string }[] }
      assert.deepEqual(
        page.items.map((file) => [file.name, file.infoHash]),
        [['lecture-04', infoHash]],
      )
      const file = await get(`${url}/v1/torrents/${infoHash}/file`, binh.token)
      const [tracker] = /http:\/\/class\.example\/a\/[\w-]+\/announce/.exec(await file.text()) ?? []
      assert.ok(binh.account.announceUrls.includes(tracker!), tracker)
      // which works, and the one without a key does not
      const hash = infoHash.replaceAll(/../g, '%$&')
      const query = `?info_hash=${hash}&peer_id=-SH0100-aaaaaaaaaaaa&port=6881&uploaded=0&downloaded=0&left=0&compact=1`
      const announce = async (path: string) => (await get(`${url}${path}${query}`)).text()
      assert.match(await announce(new URL(tracker!).pathname), /^d8:complete/)
      assert.match(await announce('/announce'), /failure reason/)
    }
    await lookFrom(hub.url)

    // killed, and started again: everybody is still who they were
    await hub.stop('SIGKILL')
    const again = await start(t, state)
    assert.equal(again.setupCode, undefined)
    await lookFrom(again.url)

    // and from a backup, made while it runs, on another machine
    const backup = join(state, '..', 'monday.db')
    await backUpHub(state, backup)
    assert.equal(await again.stop(), 0)
    assert.ok(!existsSync(join(state, 'url')) && !existsSync(join(state, 'operator-token')))
    const elsewhere = stateOf(t)
    const first = await start(t, elsewhere)
    await first.stop()
    for (const name of ['hub.db', 'hub.db-wal', 'hub.db-shm', 'secret']) rmSync(join(elsewhere, name), { force: true })
    await copyFile(backup, join(elsewhere, 'hub.db'))
    const restored = await start(t, elsewhere)
    await lookFrom(restored.url)
    await restored.stop()
    for (const secret of [an.token, binh.token, PASSWORD, ...binh.account.announceUrls]) {
      for (const run of [hub, again, restored]) assert.ok(!run.said().includes(secret))
    }
  })
})

describe('a hub whose database somebody else has locked', () => {
  test('answers announces meanwhile, and tells whoever waits to come back', async (t) => {
    const state = stateOf(t)
    const hub = await start(t, state, '--open')
    const operator = readFileSync(join(state, 'operator-token'), 'utf8').trim()
    const other = new DatabaseSync(join(state, 'hub.db'))
    other.exec('begin immediate')
    let isWaiting = true
    const invite = post(`${hub.url}/v1/invites`, {}, operator).finally(() => {
      isWaiting = false
    })
    let answered = 0
    while (isWaiting) {
      const query = `?info_hash=${'h'.repeat(20)}&peer_id=-SH0100-aaaaaaaaaaaa&port=6881&uploaded=0&downloaded=0&left=0&compact=1`
      assert.match(await (await get(`${hub.url}/announce${query}`)).text(), /^d8:complete/)
      answered++
    }
    const { status, reply } = await invite
    assert.deepEqual([status, reply.code], [503, 'BUSY'])
    // five seconds of waiting: had they waited, too, there would be one or two
    t.diagnostic(`${answered} announces while the database was locked`)
    assert.ok(answered > 50, `${answered} announces`)
    other.exec('rollback')
    other.close()
    assert.equal((await post(`${hub.url}/v1/invites`, {}, operator)).status, 201)
    assert.equal(await hub.stop(), 0)
  })
})

describe('the program of a hub', () => {
  test('refuses a second one in the same state directory', async (t) => {
    const state = stateOf(t)
    const first = await start(t, state)
    const second = spawn(process.execPath, [PROGRAM, '--port', '0', '--state', state], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    second.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk
    })
    await once(second, 'close')
    assert.equal(second.exitCode, 1)
    assert.match(said, new RegExp(`another hub \\(process ${first.process.pid}\\) runs in`))
    assert.equal(await first.stop('SIGINT'), 0)
  })

  test('is open to its machine, but not to whom a proxy hands on that it does not know', async (t) => {
    const hub = await start(t, stateOf(t), '--public-url', '')
    assert.equal((await get(`${hub.url}/v1/files`)).status, 200)
    const forwarded = await fetch(`${hub.url}/v1/files`, { headers: { 'x-forwarded-for': '203.0.113.7' } })
    assert.equal(forwarded.status, 401)
    await hub.stop()
  })

  test('outlives SIGHUP, and says that there is nothing to take anew', { skip: process.platform === 'win32' }, async (t) => {
    const hub = await start(t, stateOf(t))
    const told = new Promise<void>((resolve) => {
      hub.process.stdout!.on('data', () => {
        if (hub.said().includes('nothing to take anew')) resolve()
      })
    })
    hub.process.kill('SIGHUP')
    await told
    assert.equal(await hub.stop(), 0)
  })

  test('says what is wrong with its configuration, all of it, and what it is otherwise', async () => {
    const run = async (...words: string[]) => {
      const child = spawn(process.execPath, [PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
      let text = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
      }
      await once(child, 'close')
      return { text, code: child.exitCode }
    }
    const wrong = await run('--port', 'http', '--tracker-interval', '30')
    assert.equal(wrong.code, 1)
    assert.match(wrong.text, /port = "http" \(--port\)[\s\S]*tracker\.interval = "30" \(--tracker-interval\)/)
    assert.match((await run('--prot', '1')).text, /prot/)
    const shown = await run('--host', '0.0.0.0', '--print-config')
    assert.equal(shown.code, 0)
    assert.match(shown.text, /^host = "0\.0\.0\.0" +# --host$/m)
  })
})
