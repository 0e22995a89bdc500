import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { copyFile, open, readFile, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { backUpFile, openDatabase } from '../src/database/database.ts'
import { readMigrations } from '../src/database/migrations.ts'
import { openDatabaseFile } from '../src/database/open-file.ts'

interface Place {
  readonly state: string
  readonly file: string
  readonly backups: string
}

function place(t: TestContext): Place {
  const state = mkdtempSync(join(tmpdir(), 'shoal-database-'))
  t.after(() => rmSync(state, { recursive: true }))
  return { state, file: join(state, 'hub.db'), backups: join(state, 'backups') }
}

async function withRows({ file }: Place, count: number, size: number = 1_000): Promise<void> {
  const database = await openDatabase({ file })
  await database.transaction(async (trx) => {
    for (let i = 0; i < count; i++) {
      await trx
        .insertInto('settings')
        .values({ key: `k${i}`, value: 'v'.repeat(size) })
        .execute()
    }
  })
  await database.close()
}

async function rowCount({ file }: Place): Promise<number> {
  const database = await openDatabase({ file })
  const rows = await database.db.selectFrom('settings').select('key').execute()
  await database.close()
  return rows.length
}

describe('a database in a file', () => {
  test('keeps what was written, for its user alone', async (t) => {
    const here = place(t)
    await withRows(here, 3)
    assert.equal(await rowCount(here), 3)
    if (process.platform !== 'win32') assert.equal(statSync(here.file).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(here.state).sort(), ['hub.db', 'hub.lock', 'hub.pid'])
  })

  test('can be closed before it was ever asked', async (t) => {
    const database = await openDatabase({ file: place(t).file })
    await database.close()
  })

  test('is synced at each commit, holds foreign keys, and lets readers read while somebody writes', async (t) => {
    const database = await openDatabase({ file: place(t).file })
    const setting = async (name: string) => Object.values((await sql<object>`pragma ${sql.raw(name)}`.execute(database.db)).rows[0]!)[0]
    assert.deepEqual(
      [await setting('synchronous'), await setting('journal_mode'), await setting('foreign_keys'), await setting('busy_timeout')],
      [2, 'wal', 1, 10],
    )
    await database.close()
  })

  test('belongs to one hub at a time', async (t) => {
    const here = place(t)
    const first = await openDatabase({ file: here.file })
    await assert.rejects(openDatabase({ file: here.file }), {
      name: 'HubError',
      code: 'STATE_IN_USE',
      message: new RegExp(`${process.pid}`),
    })
    await first.close()
    const second = await openDatabase({ file: here.file })
    await second.close()
  })

  test('says what is wrong with a state directory that cannot be', async (t) => {
    const here = place(t)
    writeFileSync(join(here.state, 'file'), '')
    await assert.rejects(openDatabase({ file: join(here.state, 'file', 'hub.db') }), { code: 'STATE_UNAVAILABLE' })
    mkdirSync(here.file)
    await assert.rejects(openDatabase({ file: here.file }), { code: 'STATE_UNAVAILABLE' })
  })
})

describe('a database that is not what it was', () => {
  test('is refused when pages of it have changed, with the last good backup named', async (t) => {
    const here = place(t)
    await withRows(here, 500)
    await backUpFile(here.file, join(here.backups, 'good.db'))
    await copyFile(here.file, join(here.backups, 'newer-but-damaged.db'))
    const spoil = async (path: string) => {
      const file = await open(path, 'r+')
      for (let page = 20; page < 120; page += 3) await file.write(Buffer.alloc(600, 0x5a), 0, 600, page * 4096)
      await file.close()
    }
    await spoil(here.file)
    await spoil(join(here.backups, 'newer-but-damaged.db'))
    await assert.rejects(openDatabase({ file: here.file }), {
      code: 'DATABASE_DAMAGED',
      message: /backups\/good\.db/,
    })
    // and what it says works
    await copyFile(join(here.backups, 'good.db'), here.file)
    assert.equal(await rowCount(here), 500)
  })

  test('is refused when its end, its beginning or all of it is missing', async (t) => {
    for (const damage of ['end', 'beginning', 'all'] as const) {
      const here = place(t)
      await withRows(here, 500)
      await backUpFile(here.file, join(here.backups, 'good.db'))
      const { size } = statSync(here.file)
      if (damage === 'end') await truncate(here.file, size - 100_000)
      else if (damage === 'all') await truncate(here.file, 0)
      else writeFileSync(here.file, (await readFile(here.file)).subarray(50_000))
      await assert.rejects(openDatabase({ file: here.file }), { code: 'DATABASE_DAMAGED', message: /good\.db/ }, damage)
      rmSync(here.file)
      await assert.rejects(openDatabase({ file: here.file }), { code: 'DATABASE_DAMAGED', message: /missing or empty/ }, 'gone')
    }
  })

  test('is refused when a newer version, or another program, has written it', async (t) => {
    const here = place(t)
    await withRows(here, 1)
    const database = new DatabaseSync(here.file)
    database.exec('pragma user_version = 9999')
    database.close()
    await assert.rejects(openDatabase({ file: here.file }), { code: 'DATABASE_NEWER', message: /9999/ })

    const other = place(t)
    const foreign = new DatabaseSync(other.file)
    foreign.exec('create table bookmarks (url)')
    foreign.close()
    await assert.rejects(openDatabase({ file: other.file }), { code: 'DATABASE_FOREIGN' })
  })
})

describe('migrations', () => {
  const next = (sqlText: string) => [...readMigrations(), { number: readMigrations().length + 1, name: 'next', sql: sqlText }]

  test('are taken once, and a copy from before is kept', async (t) => {
    const here = place(t)
    await withRows(here, 10)
    const steps = next('alter table settings add column note text')
    openDatabaseFile(here.file, here.backups, steps).close()
    openDatabaseFile(here.file, here.backups, steps).close()
    assert.deepEqual(readdirSync(here.backups), [`before-upgrade-from-${steps.length - 1}.db`])
    // the version from before knows what to do
    await assert.rejects(openDatabase({ file: here.file }), { code: 'DATABASE_NEWER', message: /before-upgrade/ })
    await copyFile(join(here.backups, `before-upgrade-from-${steps.length - 1}.db`), here.file)
    assert.equal(await rowCount(here), 10)
  })

  test('that fail change nothing', async (t) => {
    const here = place(t)
    await withRows(here, 10)
    assert.throws(() => openDatabaseFile(here.file, here.backups, next('drop table settings; select nothing from nowhere')))
    assert.equal(await rowCount(here), 10)
  })
})

describe('a backup', () => {
  test('is whole while others write, brings files along, and opens as a hub of its own', async (t) => {
    const here = place(t)
    mkdirSync(join(here.state, 'torrents', 'ab'), { recursive: true })
    writeFileSync(join(here.state, 'torrents', 'ab', 'abcd.torrent'), 'd4:infoe')
    writeFileSync(join(here.state, 'secret'), 'shh')
    const database = await openDatabase({ file: here.file })
    let written = 0
    let isDone = false
    const writing = (async () => {
      while (!isDone) {
        await database.db
          .insertInto('settings')
          .values([
            { key: `a${written}`, value: '' },
            { key: `b${written}`, value: '' },
          ])
          .execute()
        written++
      }
    })()
    const to = join(here.state, 'elsewhere', 'copy.db')
    await database.backup(to, ['torrents', 'secret', 'not-there'])
    isDone = true
    await writing
    await database.close()
    assert.ok(written > 0)
    assert.deepEqual(readdirSync(join(here.state, 'elsewhere')), ['copy.db'])
    if (process.platform !== 'win32') assert.equal(statSync(to).mode & 0o777, 0o600)

    const there = place(t)
    await copyFile(to, there.file)
    assert.equal((await rowCount(there)) % 2, 0)
    assert.equal(await readFile(join(there.state, 'torrents', 'ab', 'abcd.torrent'), 'utf8'), 'd4:infoe')
    assert.equal(await readFile(join(there.state, 'secret'), 'utf8'), 'shh')
    assert.equal(await rowCount(there), await rowCount(there))
  })

  test('that cannot be written says so, and leaves what was there', async (t) => {
    const here = place(t)
    await withRows(here, 1)
    writeFileSync(join(here.state, 'file'), 'mine')
    await assert.rejects(backUpFile(here.file, join(here.state, 'file', 'copy.db')), { name: 'HubError', code: 'BACKUP_FAILED' })
    await assert.rejects(backUpFile(join(here.state, 'none.db'), join(here.state, 'file')), {
      code: 'BACKUP_FAILED',
      message: /no database/,
    })
    assert.equal(await readFile(join(here.state, 'file'), 'utf8'), 'mine')
  })
})
