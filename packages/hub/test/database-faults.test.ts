import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { openDatabase } from '../src/database/database.ts'
import { crashRound } from './crash/crash-round.ts'

function stateFile(t: TestContext): string {
  const state = mkdtempSync(join(tmpdir(), 'shoal-faults-'))
  t.after(() => rmSync(state, { recursive: true }))
  return join(state, 'hub.db')
}

const ROUNDS = 20

describe('a hub that is killed', () => {
  test(`has every write that it acknowledged, ${ROUNDS} times`, async (t) => {
    const seed = Number(process.env.SHOAL_SEED ?? Date.now() & 0xffff)
    t.diagnostic(`seed ${seed}`)
    const file = stateFile(t)
    let acknowledged = 0
    for (let round = 0; round < ROUNDS; round++) {
      // golden ratio: moments that spread evenly over a few transactions
      const chance = ((seed + round) * 0.618_034) % 1
      const found = await crashRound(file, round * 1_000_000, 1 + Math.floor(chance * 40), Math.floor(chance * 7))
      acknowledged += found.acknowledgedRows
    }
    t.diagnostic(`${acknowledged} acknowledged rows, none lost`)
    assert.ok(acknowledged >= ROUNDS)
  })

  test('leaves no lock behind', async (t) => {
    const file = stateFile(t)
    await crashRound(file, 0, 1, 0)
    const database = await openDatabase({ file })
    await database.close()
  })
})

describe('a database that another program has locked', () => {
  test('keeps whoever writes for five seconds at most, and nobody else', async (t) => {
    const file = stateFile(t)
    const database = await openDatabase({ file })
    const other = new DatabaseSync(file)
    other.exec('begin immediate')
    let ticks = 0
    const ticking = setInterval(() => ticks++, 20)
    const started = performance.now()
    const refused = { name: 'ProblemError', code: 'BUSY' }
    const write = () => database.db.insertInto('settings').values({ key: 'k', value: '' }).execute()
    let isRefused = false
    const refusals = Promise.all([
      assert.rejects(write(), refused),
      assert.rejects(
        database.transaction(() => Promise.resolve()),
        refused,
      ),
    ]).then(() => {
      isRefused = true
    })
    let reads = 0
    while (!isRefused) {
      await database.db.selectFrom('settings').selectAll().execute()
      reads++
    }
    await refusals
    const waitedMs = performance.now() - started
    clearInterval(ticking)
    assert.ok(waitedMs > 4_000 && waitedMs < 15_000, `${waitedMs} ms`)
    t.diagnostic(`${reads} reads while two writers waited`)
    assert.ok(reads > 100, `${reads} reads`)
    // the thread of the announces was free all the time
    assert.ok(ticks > waitedMs / 20 / 4, `${ticks} ticks in ${waitedMs} ms`)
    other.exec('rollback')
    other.close()
    await write()
    await database.close()
  })

  test('is written to as soon as the lock is gone', async (t) => {
    const file = stateFile(t)
    const database = await openDatabase({ file })
    const other = new DatabaseSync(file)
    other.exec('begin immediate')
    const writes = Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        await database.transaction(async (trx) => {
          await trx
            .insertInto('settings')
            .values({ key: `k${i}`, value: '' })
            .execute()
        })
      }),
    )
    await database.db.selectFrom('settings').selectAll().execute()
    other.exec('commit')
    other.close()
    await writes
    assert.equal((await database.db.selectFrom('settings').selectAll().execute()).length, 20)
    await database.close()
  })
})

describe('a disk that is full', () => {
  const source = `
    import { openDatabase } from ${JSON.stringify(new URL('../src/database/database.ts', import.meta.url).href)}
    const file = process.argv[1]
    const database = await openDatabase({ file })
    const write = (key) => database.db.insertInto('settings').values({ key, value: 'x'.repeat(10_000) }).execute()
    const seen = { acknowledged: 0, code: '', later: '' }
    for (;;) {
      try {
        await write('k' + seen.acknowledged)
        seen.acknowledged++
      } catch (error) {
        seen.code = error.code
        break
      }
    }
    try {
      await write('again')
    } catch (error) {
      seen.later = error.code
    }
    seen.readable = (await database.db.selectFrom('settings').select('key').execute()).length
    console.log(JSON.stringify(seen))
    await database.close()
  `

  test('refuses writes with STORAGE, is still read, and loses nothing that it took', { skip: process.platform === 'win32' }, async (t) => {
    const file = stateFile(t)
    // No file larger than 1,000 blocks of 512 bytes or 1 KiB, as the shell has it.
    const line = 'ulimit -f 1000; exec "$0" --input-type=module --eval "$1" "$2"'
    const child = spawn('sh', ['-c', line, process.execPath, source, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    await once(child, 'close')
    const seen = JSON.parse(text) as { acknowledged: number; code: string; later: string; readable: number }
    assert.deepEqual([seen.code, seen.later, seen.readable], ['STORAGE', 'STORAGE', seen.acknowledged])
    assert.ok(seen.acknowledged > 10)

    const database = await openDatabase({ file })
    assert.equal((await database.db.selectFrom('settings').select('key').execute()).length, seen.acknowledged)
    await database.db.insertInto('settings').values({ key: 'later', value: '' }).execute()
    await database.close()
  })
})
