import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openDatabase } from '../database/database.ts'
import { REAL_HUB_SYSTEM } from '../system.ts'
import { HostStore } from './host-store.ts'

const FACTS = { name: 'an', ip: '192.0.2.1', port: 6881, version: '1', accountId: undefined }

describe('HostStore', () => {
  test('knows a host again by its key, wherever it comes from and whatever it is called', async () => {
    const database = await openDatabase({ file: ':memory:' })
    let clock = 1_000
    const store = new HostStore(database.db, { ...REAL_HUB_SYSTEM, wallClock: () => clock })
    const id = await store.remember('key one', FACTS)
    clock = 2_000
    assert.equal(await store.remember('key one', { ...FACTS, name: 'an at home', ip: '192.0.2.9' }), id)
    assert.notEqual(await store.remember('key two', FACTS), id)
    clock = 3_000
    await store.touch([id])
    const row = await database.db.selectFrom('hosts').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    assert.deepEqual([row.name, row.ip, row.first_seen_at, row.last_seen_at], ['an at home', '192.0.2.9', 1_000, 3_000])
    assert.ok(!JSON.stringify(row).includes('key one'))
    assert.deepEqual([await store.wasAt('192.0.2.9', 6881), await store.wasAt('192.0.2.9', 6882)], [true, false])
    await database.close()
  })

  test('forgets after a month who shares nothing', async () => {
    const database = await openDatabase({ file: ':memory:' })
    let clock = 1_000
    const store = new HostStore(database.db, { ...REAL_HUB_SYSTEM, wallClock: () => clock })
    const sharing = await store.remember('sharing', FACTS)
    await store.remember('gone', FACTS)
    const torrent = { info_hash: 'a', info_hash_v2: null, sha256: 'b', name: 'c', size: 1, piece_length: 1, piece_count: 1, file_count: 1 }
    await database.db
      .insertInto('torrents')
      .values({ ...torrent, is_private: 0, created_at: 1 })
      .execute()
    const texts = { owner_id: null, local_path: null, description: null, published_at: 1, updated_at: 1 }
    await database.db
      .insertInto('entries')
      .values({ ...texts, id: 'e', name: 'n', name_key: 'n', info_hash: 'a', host_id: sharing })
      .execute()
    clock += 30 * 24 * 3_600_000
    const here = await store.remember('here', FACTS)
    const ids = async () => (await database.db.selectFrom('hosts').select('id').orderBy('first_seen_at').execute()).map(({ id }) => id)
    await store.sweep()
    assert.equal((await ids()).length, 3)
    clock += 1
    await store.sweep()
    assert.deepEqual(await ids(), [sharing, here])
    await database.close()
  })
})
