import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { FileListQuery } from '@shoal/api/hub-api'
import fc from 'fast-check'
import { CatalogueWorld, caller } from '../../test/catalogue-world.ts'
import { madeTorrent } from '../../test/made-torrent.ts'

const GUEST = caller('guest')

/** Real titles: two Vietnamese songs, films, courses, a distribution. */
const TITLES = [
  'Nơi Này Có Anh - Sơn Tùng M-TP.flac',
  'Đừng Làm Trái Tim Anh Đau.mp3',
  'Mắt Biếc (2019) 1080p.mkv',
  'Bài giảng Đại số tuyến tính 04.mp4',
  'Truyện Kiều - Nguyễn Du.epub',
  '流浪地球2.The.Wandering.Earth.II.2023.mkv',
  '三体.第一季.S01E02.1080p.WEB-DL.mkv',
  '机器学习 周志华.pdf',
  '吳宇森 - 喋血雙雄.mkv',
  '千と千尋の神隠し.mkv',
  'ubuntu-24.04.1-desktop-amd64.iso',
  'Lecture_07_Operating.Systems[2026].mp4',
]

async function library(t: TestContext, titles: readonly string[] = TITLES): Promise<CatalogueWorld> {
  const world = await CatalogueWorld.open(t)
  const host = await world.host('h1')
  for (const title of titles) await world.publish(host, title)
  return world
}

async function found(world: CatalogueWorld, query: FileListQuery): Promise<string[]> {
  return (await world.catalogue.list(query, GUEST)).items.map(({ name }) => name)
}

describe('search', () => {
  test('finds Vietnamese without marks and without borders', async (t) => {
    const world = await library(t)
    for (const [q, title] of [
      ['nơi này có anh', TITLES[0]],
      ['noi nay co anh', TITLES[0]],
      ['son tung', TITLES[0]],
      ['NOINAYCOANH', TITLES[0]],
      ['dung lam trai tim', TITLES[1]],
      ['ĐỪNG LÀM', TITLES[1]],
      ['mat biec', TITLES[2]],
      ['matbiec 2019', TITLES[2]],
      ['dai so tuyen tinh', TITLES[3]],
      ['daiso', TITLES[3]],
      ['bai giang 4', TITLES[3]],
      ['truyen kieu', TITLES[4]],
      ['nguyễn du'.normalize('NFD'), TITLES[4]],
    ] as const) {
      assert.deepEqual(await found(world, { q }), [title], q)
    }
  })

  test('finds Chinese and Japanese by any part, two characters are enough', async (t) => {
    const world = await library(t)
    for (const [q, title] of [
      ['流浪地球', TITLES[5]],
      ['地球', TITLES[5]],
      ['wandering earth', TITLES[5]],
      ['三体', TITLES[6]],
      ['第一季', TITLES[6]],
      ['三体 s01e02', TITLES[6]],
      ['学习', TITLES[7]],
      ['机器学习周志华', TITLES[7]],
      ['喋血', TITLES[8]],
      ['千尋', TITLES[9]],
      ['神隠し', TITLES[9]],
    ] as const) {
      assert.deepEqual(await found(world, { q }), [title], q)
    }
  })

  test('finds words however they are separated, their beginnings and their insides', async (t) => {
    const world = await library(t)
    for (const [q, title] of [
      ['lecture 7', TITLES[11]],
      ['lecture07', TITLES[11]],
      ['operat', TITLES[11]],
      ['perating', TITLES[11]],
      ['ubuntu 24.04', TITLES[10]],
      ['desktop ubuntu', TITLES[10]],
      ['amd64', TITLES[10]],
    ] as const) {
      assert.deepEqual(await found(world, { q }), [title], q)
    }
    assert.deepEqual(await found(world, { q: 'lecture 8' }), [])
    assert.deepEqual(await found(world, { q: '***' }), [])
    assert.equal((await found(world, { q: '  ' })).length, TITLES.length)
  })

  test('what the question is comes before what it is in, and what is held before what is not', async (t) => {
    const world = await library(t, ['fish tank', 'starfish', 'fish', 'fish b', 'fish a', 'The fish'])
    world.counts.set(madeTorrent({ name: 'fish a' }).infoHash, { seeds: 50, leechers: 0 })
    assert.deepEqual(await found(world, { q: 'Fish' }), ['fish', 'fish a', 'fish b', 'fish tank', 'The fish', 'starfish'])
  })

  test('what has exactly the name is found among any number of others', async (t) => {
    const world = await library(t, ['fish'])
    await world.fill(4_100, (at) => `fish ${at}`)
    const names = await found(world, { q: 'fish', limit: 3 })
    assert.deepEqual([names[0], names.length], ['fish', 3])
  })

  test('tags, hosts, owners and names narrow it down', async (t) => {
    const world = await library(t, ['a', 'b'])
    const other = await world.host('h2')
    const { bytes } = madeTorrent({ name: 'c' })
    await world.catalogue.publish(other, { name: 'c', torrent: Buffer.from(bytes).toString('base64'), tags: ['Video', 'x'] })
    assert.deepEqual(await found(world, { tag: 'VIDEO' }), ['c'])
    assert.deepEqual(await found(world, { q: 'video' }), ['c'])
    assert.deepEqual(await found(world, { host: 'h2' }), ['c'])
    assert.deepEqual(await found(world, { host: 'h1', tag: 'video' }), [])
    assert.deepEqual(await found(world, { owner: 'nobody' }), [])
    assert.deepEqual(await found(world, { name: 'C' }), ['c'])
    assert.deepEqual(await world.catalogue.tags(), [
      { tag: 'video', files: 1 },
      { tag: 'x', files: 1 },
    ])
  })

  test('pages join to the whole list, in every order, while others publish', async (t) => {
    const names = Array.from({ length: 23 }, (_, at) => `song ${String.fromCharCode(97 + ((at * 7) % 23))}`)
    const world = await CatalogueWorld.open(t)
    const host = await world.host('h1')
    for (const [at, name] of names.entries()) {
      await world.publish(host, name, { length: 1 + ((at * 5) % 23) })
      if (at % 3 === 0) world.pass(5)
    }
    for (const sort of ['newest', 'oldest', 'name', 'largest', 'smallest', 'relevance'] as const) {
      const whole = await found(world, { sort, q: 'song', limit: 100 })
      assert.equal(new Set(whole).size, 23 + (await world.catalogue.totals()).files - 23)
      const joined: string[] = []
      let cursor: string | undefined
      do {
        const page = await world.catalogue.list({ sort, q: 'song', limit: 5, ...(cursor !== undefined && { cursor }) }, GUEST)
        joined.push(...page.items.map(({ name }) => name))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      assert.deepEqual(joined, whole, sort)
    }
    assert.deepEqual((await found(world, { sort: 'name' })).slice(0, 3), ['song a', 'song b', 'song c'])
    const page = await world.catalogue.list({ sort: 'newest', limit: 2 }, GUEST)
    await world.publish(host, 'newer than all')
    const next = await world.catalogue.list({ sort: 'newest', limit: 2, cursor: page.nextCursor! }, GUEST)
    assert.ok(!next.items.some(({ id }) => page.items.some((each) => each.id === id)))
    await assert.rejects(world.catalogue.list({ sort: 'oldest', limit: 2, cursor: page.nextCursor! }, GUEST), { code: 'VALIDATION' })
  })

  test('a cursor can hold the longest name', async (t) => {
    const world = await CatalogueWorld.open(t)
    const host = await world.host('h1')
    // three letters for each, once it is written out
    for (const end of ['a', 'b']) await world.publish(host, `${'ﬄ'.repeat(80)}${end}`)
    const page = await world.catalogue.list({ sort: 'name', limit: 1 }, GUEST)
    assert.ok(page.nextCursor!.length <= 2_500, `${page.nextCursor!.length}`)
    assert.equal((await world.catalogue.list({ sort: 'name', limit: 1, cursor: page.nextCursor! }, GUEST)).items.length, 1)
  })

  test('any text at all is a question', async (t) => {
    const world = await library(t, ['fish', 'Bài giảng', '机器学习'])
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.constantFrom('relevance' as const, 'name' as const),
        async (q, sort) => {
          assert.ok(Array.isArray(await found(world, { q, sort })))
        },
      ),
      { numRuns: 300 },
    )
  })

  test('questions made to hurt are only questions', async (t) => {
    const world = await library(t)
    for (const q of [
      '"',
      "' or 1=1 --",
      'a" NEAR "b',
      '*',
      '(((((',
      'AND OR NOT',
      'words:x',
      '\u0000',
      '\ud800',
      'a '.repeat(100),
      '学'.repeat(200),
      '^x',
      '{a b}: c',
    ]) {
      assert.ok(Array.isArray(await found(world, { q })), q)
    }
  })
})
