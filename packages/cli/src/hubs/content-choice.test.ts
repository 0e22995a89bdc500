import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FileEntry } from '@shoal/api/hub-api'
import { chooseContent } from './content-choice.ts'

function entry(infoHash: string, host?: Partial<NonNullable<FileEntry['host']>>): FileEntry {
  const availability = { seeds: 0, leechers: 0, holders: 0, rarestCopies: 0, distributedCopies: 0 }
  const known = { id: `${infoHash}${host?.id}`, name: 'lecture', size: 1, pieceLength: 1, pieceCount: 1, fileCount: 1, isPrivate: false }
  const whose = host === undefined ? {} : { host: { id: 'h', name: 'an', isOnline: true, ...host } }
  return { ...known, infoHash, tags: [], publishedAt: 0, availability, ...whose }
}

const OF_AN = entry('a', { id: 'an', name: 'an', ip: '10.0.0.1', port: 6881 })
const OF_BINH = entry('a', { id: 'binh', name: 'Bình', ip: '10.0.0.2', port: 6881 })
const OTHER_OF_CHI = entry('c', { id: 'chi', name: 'chi', ip: '10.0.0.3', port: 6881 })
const UPLOAD = entry('d')

describe('which content a name means', () => {
  test('is clear when all share the same, under whatever hosts', () => {
    assert.deepEqual(chooseContent([OF_AN, OF_BINH], 'me').infoHash, 'a')
    assert.equal(chooseContent([UPLOAD], undefined).infoHash, 'd')
  })

  test('is to be chosen when several contents have it', () => {
    assert.throws(
      () => chooseContent([OF_AN, OF_BINH, OTHER_OF_CHI], 'me'),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'AMBIGUOUS')
        assert.match(error.message, /2 different files are named "lecture"\. Choose one with --from: "an" 10\.0\.0\.1:6881, .*"chi"/)
        return true
      },
    )
    assert.equal(chooseContent([OF_AN, OTHER_OF_CHI], 'me', '10.0.0.3:6881').infoHash, 'c')
    assert.equal(chooseContent([OF_BINH, OTHER_OF_CHI], 'me', 'bình').infoHash, 'a')
    assert.throws(() => chooseContent([OF_AN, OTHER_OF_CHI], 'me', 'dung'), { code: 'NOT_FOUND' })
  })

  test('is never what this peer shares itself, though others may share it, too', () => {
    assert.throws(() => chooseContent([OF_AN], 'an'), { code: 'OWN_FILE' })
    assert.throws(() => chooseContent([OF_AN, OF_BINH], 'an'), { code: 'OWN_FILE' })
    assert.throws(() => chooseContent([OF_AN, OTHER_OF_CHI], 'an', 'an'), { code: 'OWN_FILE' })
    assert.equal(chooseContent([OF_AN, OF_BINH, OTHER_OF_CHI], 'an').infoHash, 'c')
  })

  test('from somebody who has it and has not published it is what the others share', () => {
    assert.equal(chooseContent([OF_AN], 'me', '10.0.0.9:6881').infoHash, 'a')
  })
})
