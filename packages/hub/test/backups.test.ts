import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { copyFile, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { ProblemError } from '@shoal/api/problem'
import { Backups, backUpHub } from '../src/backups.ts'
import { openDatabase } from '../src/database/database.ts'
import { operationRoutes } from '../src/http/operation-routes.ts'
import type { HubCall } from '../src/http/route.ts'
import type { HubSystem } from '../src/system.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

class TestClock implements HubSystem {
  ms = Date.UTC(2026, 10, 25, 22, 3, 10)
  now = (): number => this.ms
  wallClock = (): number => this.ms
  randomBytes = (length: number): Uint8Array => new Uint8Array(length)
  randomBelow = (): number => 0
}

function neverFails(error: unknown): never {
  assert.fail(String(error))
}

function stateOf(t: TestContext): string {
  const state = mkdtempSync(join(tmpdir(), 'shoal-backups-'))
  t.after(() => rmSync(state, { recursive: true }))
  return state
}

async function hubIn(state: string, value: string) {
  const database = await openDatabase({ file: join(state, 'hub.db') })
  await database.db
    .insertInto('settings')
    .values({ key: 'k', value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute()
  return database
}

async function valueIn(state: string): Promise<string> {
  const database = await openDatabase({ file: join(state, 'hub.db') })
  const { value } = await database.db.selectFrom('settings').select('value').executeTakeFirstOrThrow()
  await database.close()
  return value
}

describe('automatic backups', () => {
  test('are made daily, and the newest are kept', async (t) => {
    const state = stateOf(t)
    const clock = new TestClock()
    const database = await hubIn(state, 'x')
    const failures: unknown[] = []
    const backups = new Backups({
      stateDirectory: state,
      everyMs: DAY_MS,
      keep: 3,
      system: clock,
      onFailure: (error) => failures.push(error),
    })
    for (let hour = 0; hour < 5 * 24; hour += 6) {
      await backups.runIfDue()
      clock.ms += 6 * HOUR_MS
    }
    const names = (await backups.list()).map(({ name }) => name)
    assert.deepEqual(names, ['auto-20261129-220310.db', 'auto-20261128-220310.db', 'auto-20261127-220310.db'])
    // the next run of the hub knows when the last one was
    const next = new Backups({ stateDirectory: state, everyMs: DAY_MS, keep: 3, system: clock, onFailure: neverFails })
    clock.ms -= HOUR_MS
    await next.runIfDue()
    assert.equal((await next.list()).length, 3)
    assert.deepEqual(failures, [])
    await backups.close()
    await database.close()
  })

  test('that fail are told once an hour, and made when that is possible again', async (t) => {
    const state = stateOf(t)
    const clock = new TestClock()
    const database = await hubIn(state, 'x')
    let failures = 0
    const backups = new Backups({ stateDirectory: state, everyMs: DAY_MS, keep: 3, system: clock, onFailure: () => failures++ })
    writeFileSync(join(state, 'backups'), 'in the way')
    for (let minute = 0; minute < 90; minute++) {
      await backups.runIfDue()
      clock.ms += 60_000
    }
    assert.equal(failures, 2)
    rmSync(join(state, 'backups'))
    clock.ms += HOUR_MS
    await backups.runIfDue()
    assert.equal((await backups.list()).length, 1)
    await database.close()
  })

  test('are not made where none are wanted', async (t) => {
    const state = stateOf(t)
    const backups = new Backups({ stateDirectory: state, everyMs: DAY_MS, keep: 0, system: new TestClock(), onFailure: neverFails })
    await backups.runIfDue()
    assert.deepEqual(await backups.list(), [])
  })
})

describe('the backup of a whole hub', () => {
  test('is one file, from which a hub starts again where it was', async (t) => {
    const state = stateOf(t)
    const database = await hubIn(state, 'before')
    mkdirSync(join(state, 'torrents', 'ab', 'cd'), { recursive: true })
    const name = join('torrents', 'ab', 'cd', 'abcd'.repeat(16))
    writeFileSync(join(state, name), 'd4:infoe')
    writeFileSync(join(state, 'secret'), 'shh\n')
    const to = join(stateOf(t), 'monday.db')
    await backUpHub(state, to)
    await database.db.updateTable('settings').set({ value: 'after' }).execute()
    await database.close()

    // docs/hub.md, "Restore", on another machine
    const elsewhere = stateOf(t)
    await copyFile(to, join(elsewhere, 'hub.db'))
    assert.equal(await valueIn(elsewhere), 'before')
    assert.equal(await readFile(join(elsewhere, name), 'utf8'), 'd4:infoe')
    assert.equal(await readFile(join(elsewhere, 'secret'), 'utf8'), 'shh\n')

    // and in the place of a hub that went wrong
    for (const old of ['hub.db', 'hub.db-wal', 'hub.db-shm']) rmSync(join(state, old), { force: true })
    await copyFile(to, join(state, 'hub.db'))
    assert.equal(await valueIn(state), 'before')
  })

  test('overwrites nothing, and needs a hub', async (t) => {
    const state = stateOf(t)
    const to = join(state, 'mine')
    await assert.rejects(backUpHub(state, to), { code: 'BACKUP_FAILED', message: /no database/ })
    writeFileSync(to, 'mine')
    await assert.rejects(backUpHub(state, to), { code: 'BACKUP_FAILED', message: /such a file already/ })
    assert.equal(await readFile(to, 'utf8'), 'mine')
    assert.ok(!existsSync(`${to}.part`))
  })
})

describe('POST and GET /v1/backups', () => {
  const call = {} as HubCall

  test('make one, and list them', async (t) => {
    const state = stateOf(t)
    const database = await hubIn(state, 'x')
    const backups = new Backups({ stateDirectory: state, everyMs: DAY_MS, keep: 7, system: new TestClock(), onFailure: neverFails })
    const [make, list] = operationRoutes(backups)
    const made = await make!.handle(call)
    assert.deepEqual(
      { ...(made as object), size: 0 },
      { name: 'asked-20261125-220310.db', size: 0, madeAt: Date.UTC(2026, 10, 25, 22, 3, 10) },
    )
    assert.deepEqual(await list!.handle(call), { items: [made] })
    assert.deepEqual([make!.needs, list!.needs], ['backup:make', 'backup:make'])
    assert.deepEqual(readdirSync(join(state, 'backups')), ['asked-20261125-220310.db'])
    await database.close()
  })

  test('say when there is no place for one', async (t) => {
    const state = stateOf(t)
    const database = await hubIn(state, 'x')
    writeFileSync(join(state, 'backups'), 'in the way')
    const backups = new Backups({ stateDirectory: state, everyMs: DAY_MS, keep: 7, system: new TestClock(), onFailure: neverFails })
    const [make] = operationRoutes(backups)
    await assert.rejects(
      async () => make!.handle(call),
      (error) => error instanceof ProblemError && error.code === 'STORAGE',
    )
    await database.close()
  })
})
