import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, describe, type TestContext, test } from 'node:test'
import { type RunningShoal, ShoalWorld } from './shoal.ts'

/** Bytes that look like chance and are the same in every run. */
function noise(length: number, seed: string): Uint8Array {
  const parts: Uint8Array[] = []
  for (let counter = 0; counter * 64 < length; counter++) parts.push(createHash('sha512').update(`${seed} ${counter}`).digest())
  return new Uint8Array(Buffer.concat(parts).subarray(0, length))
}

function eventsOf(output: string): { event: string; [field: string]: unknown }[] {
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string })
}

describe('hub, seed and get', () => {
  const world = new ShoalWorld()
  let hub: RunningShoal
  let tracker = ''
  let magnet = ''

  before(async () => {
    hub = world.start('hub', '--port', '0')
    const ready = await hub.line(/^READY /)
    tracker = /tracker=(\S+)/.exec(ready)?.[1] ?? ''
    mkdirSync(world.path('data', 'lecture', 'bài giảng'), { recursive: true })
    writeFileSync(world.path('data', 'lecture', 'bài giảng', '讲座.bin'), noise(3_000_000, 'a'))
    writeFileSync(world.path('data', 'lecture', 'notes.txt'), 'short')
    writeFileSync(world.path('data', 'lecture', 'empty'), '')
    const created = await world.run('create', 'data/lecture', '-o', 'lecture.torrent', '--tracker', tracker, '--json')
    magnet = (JSON.parse(created.output) as { magnet: string }).magnet
  })
  after(() => world.close())

  const seed = async (t: TestContext, ...words: string[]): Promise<RunningShoal> => {
    const sharing = world.start('seed', 'lecture.torrent', '--dir', 'data', '--port', '0', ...words)
    t.after(() => sharing.stop('SIGKILL'))
    await sharing.line(/^READY /)
    return sharing
  }
  const get = (dir: string, ...words: string[]): RunningShoal =>
    world.start('get', 'lecture.torrent', '--dir', dir, '--port', '0', ...words)

  function assertSame(dir: string): void {
    for (const name of ['bài giảng/讲座.bin', 'notes.txt', 'empty']) {
      assert.deepEqual(readFileSync(world.path(dir, 'lecture', name)), readFileSync(world.path('data', 'lecture', name)), name)
    }
  }

  test('what one shares, another gets', async (t) => {
    const sharing = await seed(t)
    assert.match(await sharing.line(/^READY /), /^READY "lecture" port=\d+ size=3000005 have=100% infohash=[0-9a-f]{40}$/)
    const { status, output, messages } = await get('one').ended
    assert.equal(messages, '')
    assert.equal(status, 0)
    assert.match(output, /^DONE "lecture" ✓ 2\.86 MiB in .*, every piece verified: .*one\/lecture$/m)
    assertSame('one')
    const stopped = await sharing.stop('SIGTERM')
    assert.equal(stopped.status, 0)
    assert.equal(stopped.messages, '')
  })

  test('a magnet link is enough, and what is there is not fetched again', async (t) => {
    const sharing = await seed(t)
    const first = await world.run('get', magnet, '--dir', 'two', '--port', '0', '--json')
    assert.equal(first.status, 0, first.messages)
    assertSame('two')
    const names = eventsOf(first.output).map(({ event }) => event)
    assert.ok(names.includes('metadata') && names.includes('done'), names.join(' '))
    const again = eventsOf((await world.run('get', magnet, '--dir', 'two', '--port', '0', '--json')).output).find(
      ({ event }) => event === 'done',
    )
    assert.equal(again?.downloaded, 0)
    assert.equal((await sharing.stop('SIGINT')).status, 0)
  })

  test('a download that is stopped says how to go on, and goes on', async (t) => {
    const sharing = await seed(t, '--upload-limit', '1MB')
    const first = get('three', '--json')
    await first.line(/"haveBytes":[1-9]/)
    const stopped = await first.stop('SIGINT')
    assert.equal(stopped.status, 130)
    const last = eventsOf(stopped.output).at(-1)
    assert.equal(last?.event, 'stopped')
    const had = Number(last?.haveBytes)
    assert.ok(had > 0 && had < 3_000_005)
    await sharing.stop('SIGTERM')
    await seed(t)
    const second = await get('three', '--json').ended
    const done = eventsOf(second.output).find(({ event }) => event === 'done')
    assert.equal(second.status, 0, second.messages)
    assert.ok(Number(done?.downloaded) <= 3_000_005 - had, `${String(done?.downloaded)} fetched, ${had} were there`)
    assertSame('three')
  })

  test('only the chosen files are fetched', async (t) => {
    await seed(t)
    const { status, messages } = await get('four', '--files', '3').ended
    assert.equal(status, 0, messages)
    assert.equal(readFileSync(world.path('four', 'lecture', 'notes.txt'), 'utf8'), 'short')
    assert.equal(existsSync(world.path('four', 'lecture', 'bài giảng', '讲座.bin')), false)
  })

  test('with --seed it goes on sharing until it is stopped', async (t) => {
    const sharing = await seed(t)
    const staying = get('five', '--seed')
    assert.match(await staying.line(/^DONE /), /still sharing, Ctrl-C to stop/)
    await sharing.stop('SIGTERM')
    const { status, messages } = await get('six').ended
    assert.equal(status, 0, messages)
    assertSame('six')
    assert.equal((await staying.stop('SIGINT')).status, 0)
  })

  test('a seed without its data is refused, with what to do', async () => {
    mkdirSync(world.path('nothing'))
    const { status, output, messages } = await world.run('seed', 'lecture.torrent', '--dir', 'nothing', '--port', '0')
    assert.equal(status, 2)
    assert.equal(output, '')
    assert.match(messages, /^shoal: Nothing of 'lecture' is in .*nothing: .* \(FILE_MISSING\)\n$/)
    const missing = await world.run('seed', 'lecture.torrent', '--dir', 'nowhere', '--port', '0')
    assert.equal(missing.status, 2)
    assert.match(missing.messages, /\(FILE_MISSING\)/)
  })

  test('a port in use gives way to the next free one, and that is said', async () => {
    const holder = createServer()
    const port = await new Promise<number>((resolve) => {
      holder.listen(0, () => {
        const address = holder.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    try {
      const sharing = world.start('seed', 'lecture.torrent', '--dir', 'data', '--port', String(port))
      const ready = await sharing.line(/^READY /)
      const { output } = await sharing.stop('SIGTERM')
      assert.doesNotMatch(ready, new RegExp(`port=${port} `))
      assert.match(output, new RegExp(`^Note: port ${port} is in use; listening on \\d+ instead\n`))
    } finally {
      await new Promise((resolve) => holder.close(resolve))
    }
  })

  test('a tracker that is gone is said once, and does not stop the seed', async () => {
    await world.run('create', 'data/lecture', '-o', 'lonely.torrent', '--tracker', 'http://127.0.0.1:9/announce')
    const sharing = world.start('seed', 'lonely.torrent', '--dir', 'data', '--port', '0')
    await sharing.line(/^READY /)
    const { status, output } = await sharing.stop('SIGTERM')
    assert.equal(status, 0)
    assert.equal(output.match(/^Tracker http:\/\/127\.0\.0\.1:9\/announce cannot be used now: /gm)?.length, 1, output)
  })

  test('a hub stops when it is told to', async () => {
    const { status, output } = await hub.stop('SIGTERM')
    assert.equal(status, 0)
    assert.match(output, /shoal create <path> --tracker http:\/\/127\.0\.0\.1:\d+\/announce/)
    assert.match(output, /Stopped\n$/)
  })
})

describe('names that a torrent may not have', () => {
  const world = new ShoalWorld()
  after(() => world.close())

  test('are shared from where they are, and arrive under safe ones', async () => {
    mkdirSync(world.path('data', 'Lecture: 1'), { recursive: true })
    writeFileSync(world.path('data', 'Lecture: 1', 'a|b.txt'), noise(100_000, 'b'))
    const made = await world.run('create', 'data/Lecture: 1', '-o', 'odd.torrent')
    assert.equal(made.status, 0, made.messages)
    const sharing = world.start('seed', 'odd.torrent', '--dir', 'data', '--port', '0')
    const port = /port=(\d+)/.exec(await sharing.line(/^READY .*have=100%/))?.[1]
    const { status, messages } = await world.run('get', 'odd.torrent', '--dir', 'got', '--port', '0', '--peer', `127.0.0.1:${port}`)
    assert.equal(status, 0, messages)
    assert.deepEqual(readFileSync(world.path('got', 'Lecture_ 1', 'a_b.txt')), Buffer.from(noise(100_000, 'b')))
  })
})
