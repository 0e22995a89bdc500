import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PageCursors } from './page-cursor.ts'

const cursors = new PageCursors(new Uint8Array(32).fill(7))

describe('page cursor', () => {
  test('gives back what was sealed, to the same question', () => {
    const cursor = cursors.seal('newest', [1_700_000_000_000, 'Bài giảng', 4])
    assert.match(cursor, /^[A-Za-z0-9._-]+$/)
    assert.deepEqual(cursors.open('newest', cursor), [1_700_000_000_000, 'Bài giảng', 4])
  })

  test('is refused with another question, from another hub, changed, or made up', () => {
    const cursor = cursors.seal('newest', [1, 2])
    const other = new PageCursors(new Uint8Array(32).fill(8)).seal('newest', [1, 2])
    const changed = `${Buffer.from('[1,3]').toString('base64url')}.${cursor.split('.')[1]}`
    assert.throws(() => cursors.open('oldest', cursor), { code: 'VALIDATION' })
    for (const bad of [other, changed, `${cursor}.x`, '', '.', 'x', `${cursor}A`]) {
      assert.throws(() => cursors.open('newest', bad), { code: 'VALIDATION' }, bad)
    }
  })
})
