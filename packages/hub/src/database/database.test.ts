import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from './database.ts'
import { isUniqueViolation, SqlError } from './sql-error.ts'

const AN = { id: 'a', name: 'An', name_key: 'an', role: 'owner', password_hash: 'x', created_at: 1 } as const
const TORRENT = {
  info_hash: '00',
  sha256: '11',
  name: 'n',
  size: Number.MAX_SAFE_INTEGER,
  piece_length: 1,
  piece_count: 1,
  file_count: 1,
  is_private: 0,
  created_at: 1,
} as const
const ENTRY = { id: 'e', name: 'n', name_key: 'n', info_hash: '00', published_at: 1, updated_at: 1 } as const

async function memory() {
  return openDatabase({ file: ':memory:' })
}

describe('openDatabase', () => {
  test('has the tables of the schema, and gives back what was put in', async () => {
    const database = await memory()
    const { insertId } = await database.db
      .insertInto('audit')
      .values({ at: 5, actor_name: 'An', action: 'look', subject: 'nhạc 音乐' })
      .executeTakeFirstOrThrow()
    assert.equal(insertId, 1n)
    assert.deepEqual(
      { ...(await database.db.selectFrom('audit').selectAll().executeTakeFirstOrThrow()) },
      { id: 1, at: 5, actor_id: null, actor_name: 'An', action: 'look', subject: 'nhạc 音乐', detail: null },
    )
    const { numUpdatedRows } = await database.db.updateTable('audit').set({ at: 6 }).executeTakeFirstOrThrow()
    assert.equal(numUpdatedRows, 1n)
    await database.close()
  })

  test('answers with rows where a write returns some', async () => {
    const database = await memory()
    await database.db.insertInto('torrents').values(TORRENT).execute()
    const { number } = await database.db.insertInto('entries').values(ENTRY).returning('number').executeTakeFirstOrThrow()
    assert.equal(number, 1)
    await database.close()
  })

  test('finds words and parts of words', async () => {
    const database = await memory()
    await sql`insert into entry_words (rowid, words) values (7, 'Bài giảng số bốn')`.execute(database.db)
    await sql`insert into entry_trigrams (rowid, letters) values (7, '分布式系统讲座')`.execute(database.db)
    const words = await sql<{ rowid: number }>`select rowid from entry_words where entry_words match ${'giang'}`.execute(database.db)
    const letters = await sql<{ rowid: number }>`select rowid from entry_trigrams where entry_trigrams match ${'系统讲'}`.execute(
      database.db,
    )
    assert.deepEqual([words.rows[0]?.rowid, letters.rows[0]?.rowid], [7, 7])
    await database.close()
  })

  test('says which rule a row broke', async () => {
    const database = await memory()
    await database.db.insertInto('accounts').values(AN).execute()
    const again = (row: object) => database.db.insertInto('accounts').values({ ...AN, ...row })
    await assert.rejects(again({ id: 'b' }).execute(), (error) => {
      return isUniqueViolation(error) && isUniqueViolation(error, 'accounts.name_key') && !isUniqueViolation(error, 'accounts.id')
    })
    await assert.rejects(again({ name_key: 'b' }).execute(), (error) => isUniqueViolation(error, 'accounts.id'))
    const orphan = { id: 's', account_id: 'nobody', secret_hash: '', agent: '', created_at: 1, last_used_at: 1, expires_at: 1 }
    await assert.rejects(database.db.insertInto('sessions').values(orphan).execute(), { name: 'SqlError', code: 'FOREIGN_KEY' })
    await assert.rejects(again({ id: 'c', name_key: 'c', role: null as unknown as string }).execute(), { code: 'NOT_NULL' })
    await assert.rejects(again({ id: 'c', name_key: 'c', created_at: 'today' }).execute(), { code: 'CHECK' })
    await assert.rejects(sql`selec`.execute(database.db), (error) => error instanceof SqlError && error.code === 'OTHER')
    await database.close()
  })

  test('knows an index over an expression by its name, and one over columns by each of them', async () => {
    const database = await memory()
    await database.db.insertInto('torrents').values(TORRENT).execute()
    const host = { id: 'h', key_hash: '', name: '', ip: '', port: 1, version: '', first_seen_at: 1, last_seen_at: 1 }
    await database.db.insertInto('hosts').values(host).execute()
    await database.db.insertInto('entries').values(ENTRY).execute()
    await assert.rejects(
      database.db
        .insertInto('entries')
        .values({ ...ENTRY, id: 'f' })
        .execute(),
      (error) => isUniqueViolation(error, 'entries_by_name_and_host'),
    )
    const onHost = { ...ENTRY, host_id: 'h', local_path: '/p' }
    await database.db
      .insertInto('entries')
      .values({ ...onHost, id: 'g', name_key: 'g' })
      .execute()
    await assert.rejects(
      database.db
        .insertInto('entries')
        .values({ ...onHost, id: 'i', name_key: 'i' })
        .execute(),
      (error) => isUniqueViolation(error, 'entries.local_path') && !isUniqueViolation(error, 'entries_by_name_and_host'),
    )
    await database.close()
  })

  test('never rounds an integer', async () => {
    const database = await memory()
    await database.db.insertInto('torrents').values(TORRENT).execute()
    const row = await database.db.selectFrom('torrents').select('size').executeTakeFirstOrThrow()
    assert.equal(row.size, Number.MAX_SAFE_INTEGER)
    await assert.rejects(sql`select ${2 ** 53}`.execute(database.db), /no longer exact/)
    await assert.rejects(sql`select 9007199254740993 as size`.execute(database.db), /too large/)
    await assert.rejects(sql`select ${true}`.execute(database.db), /boolean cannot be stored/)
    await database.close()
  })

  test('does all of a transaction or nothing', async () => {
    const database = await memory()
    const failing = database.transaction(async (trx) => {
      await trx.insertInto('accounts').values(AN).execute()
      throw new Error('changed my mind')
    })
    await assert.rejects(failing, /changed my mind/)
    assert.equal((await database.db.selectFrom('accounts').selectAll().execute()).length, 0)
    assert.equal(await database.transaction(async (trx) => (await trx.insertInto('accounts').values(AN).execute()).length), 1)
    await database.close()
  })

  test('lets one transaction after another through, and nobody between their statements', async () => {
    const database = await memory()
    await database.db.insertInto('settings').values({ key: 'n', value: '0' }).execute()
    const addOne = () =>
      database.transaction(async (trx) => {
        const { value } = await trx.selectFrom('settings').select('value').executeTakeFirstOrThrow()
        await new Promise((resolve) => setImmediate(resolve))
        await trx
          .updateTable('settings')
          .set({ value: String(Number(value) + 1) })
          .execute()
      })
    await Promise.all(Array.from({ length: 50 }, addOne))
    assert.equal((await database.db.selectFrom('settings').select('value').executeTakeFirstOrThrow()).value, '50')
    await database.close()
  })

  test('says so when a transaction would wait for itself', async () => {
    const database = await memory()
    const inside = (work: () => Promise<unknown>) => database.transaction(async () => void (await work()))
    await assert.rejects(
      inside(() => database.db.selectFrom('settings').selectAll().execute()),
      /use `trx`/,
    )
    await assert.rejects(
      inside(() => database.transaction(async () => {})),
      /use `trx`/,
    )
    await database.close()
  })

  test('refuses calls beyond a thousand that wait, and does the others', async () => {
    const database = await memory()
    const held = Promise.withResolvers<void>()
    const holder = database.transaction(() => held.promise)
    const calls = Array.from({ length: 1_005 }, () => database.db.selectFrom('settings').selectAll().execute())
    const outcomes = Promise.allSettled(calls)
    await assert.rejects(calls.at(-1)!, { name: 'ProblemError', code: 'BUSY', status: 503 })
    held.resolve()
    await holder
    assert.equal((await outcomes).filter(({ status }) => status === 'rejected').length, 5)
    await database.close()
  })

  test('does not wait for ever for a connection that is stuck', async (t) => {
    const database = await memory()
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const held = Promise.withResolvers<void>()
    const holder = database.transaction(() => held.promise)
    const waiting = database.db.selectFrom('settings').selectAll().execute()
    const refused = assert.rejects(waiting, { code: 'BUSY' })
    await new Promise((resolve) => setImmediate(resolve))
    t.mock.timers.tick(5_000)
    await refused
    held.resolve()
    await holder
    await database.close()
  })

  test('finishes what waits when it is closed, and refuses what comes later', async () => {
    const database = await memory()
    const writing = database.db.insertInto('settings').values({ key: 'k', value: '1' }).returning('value').executeTakeFirstOrThrow()
    const reading = database.db.selectFrom('settings').selectAll().execute()
    await new Promise((resolve) => setImmediate(resolve))
    const closing = database.close()
    assert.equal((await writing).value, '1')
    assert.equal((await reading).length, 1)
    await closing
    await assert.rejects(database.db.selectFrom('settings').selectAll().execute())
  })

  test('gives up the whole transaction when the disk is full, whatever its code does about it', async () => {
    const database = await memory()
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database.db)
    await sql`pragma max_page_count = ${sql.raw(String(rows[0]!.page_count + 2))}`.execute(database.db)
    const text = 'x'.repeat(100_000)
    const full = database.transaction(async (trx) => {
      await trx.insertInto('settings').values({ key: 'small', value: '1' }).execute()
      await trx
        .insertInto('settings')
        .values({ key: 'large', value: text })
        .execute()
        .catch(() => {})
      await trx.insertInto('settings').values({ key: 'after', value: '1' }).execute()
    })
    await assert.rejects(full, { name: 'ProblemError', code: 'STORAGE', status: 507 })
    assert.deepEqual(await database.db.selectFrom('settings').selectAll().execute(), [])
    await database.db.insertInto('settings').values({ key: 'small', value: '1' }).execute()
    await database.close()
  })
})
