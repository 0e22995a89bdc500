import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { Dice, sha256, writeNoise } from './noise.ts'
import { type RunningShoal, ShoalWorld } from './shoal.ts'

const MiB = 1024 * 1024
const SIZE = 256 * MiB
const PIECE_LENGTH = MiB

interface Line {
  readonly event: string
  readonly [field: string]: unknown
}

function linesOf(output: string): Line[] {
  const whole = output.slice(0, output.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

describe('a download that is killed again and again', () => {
  const world = new ShoalWorld()
  let seeder: RunningShoal
  let address = ''
  let wanted = ''

  before(async () => {
    mkdirSync(world.path('data'))
    writeNoise(world.path('data', 'disk.img'), SIZE, 1)
    wanted = await sha256(world.path('data', 'disk.img'))
    const made = await world.run('create', 'data/disk.img', '-o', 'disk.torrent', '--piece-length', String(PIECE_LENGTH))
    assert.equal(made.status, 0, made.messages)
    seeder = world.start('seed', 'disk.torrent', '--dir', 'data', '--port', '0', '--state', 'seeder', '--json')
    address = `127.0.0.1:${/"port":(\d+)/.exec(await seeder.line(/"event":"ready"/))?.[1]}`
  })
  after(() => world.close())

  const get = (dir: string, ...words: string[]): RunningShoal =>
    world.start('get', 'disk.torrent', '--dir', dir, '--state', `${dir}-state`, '--port', '0', '--peer', address, '--json', ...words)

  /** What the first progress line of a run says is here: before anything of this run has arrived, or as good as. */
  function firstHave(lines: readonly Line[]): number | undefined {
    const first = lines.find(({ event, phase }) => event === 'progress' && phase !== 'checking')
    return first === undefined ? undefined : Number(first.haveBytes)
  }

  test('kill -9, fifty times: nothing verified is lost, fetched or hashed again', async (t) => {
    const seed = randomInt(2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const dice = new Dice(seed)
    let had = 0
    let cycles = 0
    for (; cycles < 50; cycles++) {
      // Slow enough that the download lasts for fifty lives. Every fifth dies before or while it starts.
      const running = get('killed', '--download-limit', '12MB')
      if (cycles % 5 === 4) await passed(dice.below(700))
      else {
        await running.line(/"phase":"downloading"/)
        await passed(dice.below(600))
      }
      const { output, status } = await running.stop('SIGKILL')
      const lines = linesOf(output)
      assert.equal(status, null, `it ended by itself in cycle ${cycles}: ${output}`)
      const checked = lines.filter(({ event, phase }) => event === 'progress' && phase === 'checking')
      assert.deepEqual(checked, [], `cycle ${cycles} hashed again what was verified`)
      const have = firstHave(lines)
      if (have !== undefined) assert.ok(have >= had, `cycle ${cycles} began with ${have} bytes, ${had} were verified before`)
      had = Math.max(had, ...lines.filter(({ event }) => event === 'progress').map(({ haveBytes }) => Number(haveBytes)))
    }
    const last = await get('killed').ended
    assert.equal(last.status, 0, last.messages)
    assert.equal(await sha256(world.path('killed', 'disk.img')), wanted)
    t.diagnostic(`${cycles} kills, ${(had / MiB).toFixed(0)} MiB had been reported before the last run`)
    // What the seeder sent in all: the file once, and at most a piece (and what was on its way) for each life lost.
    const stopped = linesOf((await seeder.stop('SIGTERM')).output).at(-1)
    const uploaded = Number(stopped?.uploaded)
    const onItsWay = 64 * 16_384
    t.diagnostic(
      `the seeder sent ${((uploaded - SIZE) / MiB).toFixed(1)} MiB more than the file, ${((uploaded - SIZE) / MiB / cycles).toFixed(2)} a kill`,
    )
    assert.ok(uploaded - SIZE <= cycles * (PIECE_LENGTH + onItsWay), `${uploaded - SIZE} bytes were sent more than once`)
  })

  test('Ctrl-C loses nothing at all', async (t) => {
    seeder = world.start('seed', 'disk.torrent', '--dir', 'data', '--port', '0', '--state', 'seeder', '--json')
    address = `127.0.0.1:${/"port":(\d+)/.exec(await seeder.line(/"event":"ready"/))?.[1]}`
    const seed = randomInt(2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const dice = new Dice(seed)
    let had = 0
    for (let cycle = 0; cycle < 5; cycle++) {
      const running = get('stopped', '--download-limit', '40MB')
      await running.line(/"phase":"downloading"/)
      await passed(dice.below(800))
      const { output, status } = await running.stop('SIGINT')
      assert.equal(status, 130)
      const lines = linesOf(output)
      assert.deepEqual(
        lines.filter(({ phase }) => phase === 'checking'),
        [],
      )
      assert.ok(firstHave(lines)! >= had)
      had = Number(lines.at(-1)?.haveBytes)
    }
    const done = linesOf((await get('stopped').ended).output).find(({ event }) => event === 'done')
    // Blocks of unfinished pieces are the only thing that is fetched again: at most what is asked for at once.
    assert.ok(Number(done?.downloaded) <= SIZE - had, `${String(done?.downloaded)} were fetched, ${SIZE - had} were missing`)
    assert.equal(await sha256(world.path('stopped', 'disk.img')), wanted)
  })
})
