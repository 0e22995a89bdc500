import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, test } from 'node:test'
import Type from 'typebox'
import { DaemonError } from './daemon-error.ts'
import { type DaemonSystem, REAL_DAEMON_SYSTEM } from './daemon-system.ts'
import { StateStore } from './state-store.ts'

const Note = Type.Object({ text: Type.String() })

/** Timers that fire when the test says so. */
class HandTimers {
  readonly due: (() => void)[] = []
  readonly system: DaemonSystem = {
    ...REAL_DAEMON_SYSTEM,
    every: () => ({ cancel: () => {} }),
    after: (_, callback) => {
      this.due.push(callback)
      return { cancel: () => {} }
    },
  }
}

describe('the state of a daemon', () => {
  let home: string
  let folder: string
  let timers: HandTimers
  let troubles: (string | undefined)[]

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'shoal-state-'))
    folder = join(home, 'peer')
    timers = new HandTimers()
    troubles = []
  })
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  const open = (): Promise<StateStore> =>
    StateStore.open({ folder, system: timers.system, onTrouble: (trouble) => void troubles.push(trouble) })

  test('is the same after a restart', async () => {
    const before = await open()
    const notes = before.collection('note', Note)
    await Promise.all([notes.put('a', { text: 'one' }), notes.put('b', { text: 'two' }), notes.put('a', { text: 'three' })])
    await notes.delete('b')
    await before.addPoint({ span: 'day', at: 60_000, downloaded: 1, uploaded: 2 }, 0)
    await before.addPoint({ span: 'day', at: 120_000, downloaded: 3, uploaded: 4 }, 100_000)
    await before.close()

    const after = await open()
    assert.deepEqual([...after.collection('note', Note).all], [['a', { text: 'three' }]])
    assert.deepEqual(
      after.points.map(({ at }) => at),
      [120_000],
    )
    assert.deepEqual(after.notes, [])
    await after.close()
  })

  test('is on the disk when a change is acknowledged', async () => {
    const store = await open()
    await store.collection('note', Note).put('a', { text: 'kept' })
    const reader = new DatabaseSync(join(folder, 'state.db'), { readOnly: true })
    assert.equal(reader.prepare('select json from documents').get()?.json, '{"text":"kept"}')
    reader.close()
    await store.close()
  })

  test('is held against a second daemon', async () => {
    const first = await open()
    await assert.rejects(
      open(),
      (error) => error instanceof DaemonError && error.code === 'STATE_IN_USE' && error.message.includes(`${process.pid}`),
    )
    await first.close()
    await (await open()).close()
  })

  test('leaves alone what a newer version wrote', async () => {
    await (await open()).close()
    const database = new DatabaseSync(join(folder, 'state.db'))
    database.exec('pragma user_version = 99')
    database.close()
    await assert.rejects(
      open(),
      (error) => error instanceof DaemonError && error.code === 'STATE_NEWER' && error.message.includes('version 99'),
    )
  })

  test('sets a damaged file aside and goes on from the copy', async () => {
    const before = await open()
    await before.collection('note', Note).put('a', { text: 'copied' })
    await before.close()
    writeFileSync(join(folder, 'state.db'), 'this is no database at all, and long enough to be looked at'.repeat(100))

    const after = await open()
    assert.deepEqual(after.collection('note', Note).get('a'), { text: 'copied' })
    assert.match(after.notes.join(), /damaged .*kept as .*state\.db\.damaged-1; the copy from .* is used/)
    assert.ok(existsSync(join(folder, 'state.db.damaged-1')))
    await after.close()
  })

  test('begins empty and says so when the copy is damaged, too', async () => {
    await (await open()).close()
    for (const name of ['state.db', 'state.backup.db']) writeFileSync(join(folder, name), 'x'.repeat(10_000))
    const after = await open()
    assert.equal(after.collection('note', Note).all.size, 0)
    assert.match(after.notes.join(), /copy was damaged, too/)
    await after.close()
  })

  test('leaves out a document that breaks its schema, and keeps it', async () => {
    const before = await open()
    await before.collection('note', Type.Object({ other: Type.Number() })).put('a', { other: 1 })
    await before.close()
    const after = await open()
    assert.equal(after.collection('note', Note).all.size, 0)
    assert.match(after.notes.join(), /Cannot use the note 'a'/)
    await after.close()
    const again = await open()
    assert.equal(again.collection('note', Type.Object({ other: Type.Number() })).all.size, 1)
    await again.close()
  })

  test('gives fields that a later version knows their defaults', async () => {
    const before = await open()
    await before.collection('note', Note).put('a', { text: 'old' })
    await before.close()
    const after = await open()
    const Later = Type.Object({ text: Type.String(), isPinned: Type.Boolean() })
    assert.deepEqual(after.collection('note', Later, { isPinned: false }).get('a'), { text: 'old', isPinned: false })
    assert.deepEqual(after.notes, [])
    await after.close()
  })

  test('lives on in memory while its disk is gone, and is whole when it is back', async () => {
    const store = await open()
    const notes = store.collection('note', Note)
    await notes.put('before', { text: '1' })
    renameSync(folder, `${folder}-gone`)
    writeFileSync(folder, 'no folder any more')
    await notes.put('during', { text: '2' })
    await notes.put('during', { text: '3' })
    assert.match(store.trouble ?? '', /goes on from memory/)
    assert.deepEqual(notes.get('during'), { text: '3' })

    timers.due.shift()!()
    await store.whenSaved()
    assert.notEqual(store.trouble, undefined)

    rmSync(folder)
    timers.due.shift()!()
    await store.whenSaved()
    assert.equal(store.trouble, undefined)
    assert.deepEqual(
      troubles.map((trouble) => trouble !== undefined),
      [true, false],
    )
    await notes.put('after', { text: '4' })
    await store.close()

    const again = await open()
    assert.deepEqual([...again.collection('note', Note).all.keys()].sort(), ['after', 'before', 'during'])
    await again.close()
    assert.ok(readdirSync(folder).includes('state.db'))
  })
})
