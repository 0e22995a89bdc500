import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { after, before, describe, type TestContext, test } from 'node:test'
import { LyingSeed } from './lying-seed.ts'
import { sha256, writeNoise } from './noise.ts'
import { type RunningShoal, ShoalWorld } from './shoal.ts'

const MiB = 1024 * 1024
const SIZE = 96 * MiB
const PIECE_LENGTH = 256 * 1024
const BLOCK_LENGTH = 16 * 1024

describe('a download from several seeders', () => {
  const world = new ShoalWorld()
  let wanted = ''

  before(async () => {
    mkdirSync(world.path('data'))
    writeNoise(world.path('data', 'film.mkv'), SIZE, 2)
    wanted = await sha256(world.path('data', 'film.mkv'))
    const made = await world.run('create', 'data/film.mkv', '-o', 'film.torrent', '--piece-length', String(PIECE_LENGTH))
    assert.equal(made.status, 0, made.messages)
  })
  after(() => world.close())

  async function seeder(t: TestContext, name: string, ...words: string[]): Promise<{ running: RunningShoal; address: string }> {
    const running = world.start('seed', 'film.torrent', '--dir', 'data', '--port', '0', '--state', name, ...words)
    t.after(() => running.stop('SIGKILL'))
    const port = /port=(\d+)/.exec(await running.line(/^READY /))?.[1]
    return { running, address: `127.0.0.1:${port}` }
  }

  function get(dir: string, addresses: readonly string[], ...words: string[]): RunningShoal {
    const peers = addresses.flatMap((address) => ['--peer', address])
    return world.start('get', 'film.torrent', '--dir', dir, '--state', `${dir}-state`, '--port', '0', '--json', ...peers, ...words)
  }

  test('one of four lies in every third block: it is banned, and costs a piece at most', async (t) => {
    const film = readFileSync(world.path('data', 'film.mkv'))
    const liar = new LyingSeed({
      pieceCount: SIZE / PIECE_LENGTH,
      pieceLength: PIECE_LENGTH,
      read: (offset, length) => film.subarray(offset, offset + length),
    })
    const lyingPort = await liar.listen()
    t.after(() => liar.close())
    const honest = await Promise.all(['one', 'two', 'three'].map((name) => seeder(t, name, '--upload-limit', '20MB')))
    const { status, output, messages } = await get('lied-to', [`127.0.0.1:${lyingPort}`, ...honest.map(({ address }) => address)]).ended
    assert.equal(status, 0, messages)
    assert.equal(await sha256(world.path('lied-to', 'film.mkv')), wanted)
    const events = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; address?: string; downloaded?: number })
    const banned = events.filter(({ event }) => event === 'peer-banned').map(({ address }) => address)
    assert.deepEqual(banned, [`127.0.0.1:${lyingPort}`])
    const wasted = Number(events.find(({ event }) => event === 'done')?.downloaded) - SIZE
    t.diagnostic(`${liar.liesTold} of its ${liar.blocksSent} blocks were lies; ${wasted / 1024} KiB were fetched in vain`)
    assert.ok(liar.liesTold > 0)
    assert.equal(liar.connections, 1, 'it was let in again')
    assert.ok(liar.blocksSent * BLOCK_LENGTH <= PIECE_LENGTH, 'it was trusted with a second piece before the first was proven')
    // What comes on top is the endgame: the last blocks are asked of two peers, and some cancels come too late.
    assert.ok(wasted <= PIECE_LENGTH + SIZE / 50, `${wasted} bytes wasted`)
  })

  test('one of three is killed and one falls silent: nothing stands still for five seconds', async (t) => {
    const [killed, silenced, steady] = await Promise.all([
      seeder(t, 'killed', '--upload-limit', '8MB'),
      seeder(t, 'silenced', '--upload-limit', '8MB'),
      seeder(t, 'steady', '--upload-limit', '8MB'),
    ])
    const running = get('troubled', [killed.address, silenced.address, steady.address])
    const arrivals: { readonly at: number; readonly haveBytes: number }[] = []
    running.onLine((line) => {
      const { haveBytes } = JSON.parse(line) as { haveBytes?: number }
      if (haveBytes !== undefined && haveBytes > (arrivals.at(-1)?.haveBytes ?? -1)) arrivals.push({ at: performance.now(), haveBytes })
    })
    await running.line(/"haveBytes":[1-9]\d{6}/)
    await killed.running.stop('SIGKILL')
    await running.line(/"haveBytes":[2-9]\d{7}/)
    silenced.running.signal('SIGSTOP')
    const { status, messages } = await running.ended
    assert.equal(status, 0, messages)
    arrivals.push({ at: performance.now(), haveBytes: SIZE })
    assert.equal(await sha256(world.path('troubled', 'film.mkv')), wanted)
    const longest = Math.max(...arrivals.slice(1).map(({ at }, index) => at - arrivals[index]!.at))
    t.diagnostic(`the longest time without progress was ${(longest / 1000).toFixed(1)} s`)
    assert.ok(longest < 5_000)
  })

  test('three peers with halves: the third fetches from both while they fetch from each other', async (t) => {
    // Each half is what a run that only wanted some of the pieces would leave: the file, with the other half missing.
    const film = readFileSync(world.path('data', 'film.mkv'))
    world.writeFile(['first', 'film.mkv'], Buffer.concat([film.subarray(0, SIZE / 2), Buffer.alloc(SIZE / 2)]))
    world.writeFile(['second', 'film.mkv'], Buffer.concat([Buffer.alloc(SIZE / 2), film.subarray(SIZE / 2)]))
    const hub = world.start('hub', '--port', '0')
    t.after(() => hub.stop('SIGKILL'))
    const tracker = /tracker=(\S+)/.exec(await hub.line(/^READY /))?.[1] ?? ''
    const join = (dir: string): RunningShoal => {
      const running = get(dir, [], '--tracker', tracker, '--seed', '--upload-limit', '30MB')
      t.after(() => running.stop('SIGKILL'))
      return running
    }
    const peers = [join('first'), join('second')]
    await Promise.all(peers.map((peer) => peer.line(/"event":"ready"/)))
    peers.push(join('nothing'))
    await Promise.all(peers.map((peer) => peer.line(/"event":"done"/)))
    const ends = await Promise.all(peers.map((peer) => peer.stop('SIGTERM')))
    const last = ends.map(({ output }) => JSON.parse(output.trimEnd().split('\n').at(-1)!) as { downloaded: number; uploaded: number })
    for (const dir of ['first', 'second', 'nothing']) assert.equal(await sha256(world.path(dir, 'film.mkv')), wanted, dir)
    t.diagnostic(
      `down and up in MiB: ${last.map(({ downloaded, uploaded }) => `${(downloaded / MiB).toFixed(0)}/${(uploaded / MiB).toFixed(0)}`).join(' · ')}`,
    )
    assert.ok(
      last.every(({ uploaded }, index) => index === 2 || uploaded > 0),
      'a half was never asked for',
    )
    assert.ok(last[0]!.downloaded < SIZE * 0.55 && last[1]!.downloaded < SIZE * 0.55, 'a half that was there was fetched again')
  })
})
