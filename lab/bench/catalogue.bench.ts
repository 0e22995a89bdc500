import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { FileListQuery } from '../../packages/api/src/hub-api.ts'
import { permissionsOf } from '../../packages/api/src/permissions.ts'
import { Catalogue } from '../../packages/hub/src/catalogue/catalogue.ts'
import type { Reader } from '../../packages/hub/src/catalogue/catalogue-needs.ts'
import { nameKey } from '../../packages/hub/src/catalogue/entry-name.ts'
import { EntryWriter } from '../../packages/hub/src/catalogue/entry-writer.ts'
import { TorrentFiles } from '../../packages/hub/src/catalogue/torrent-files.ts'
import { TorrentReader } from '../../packages/hub/src/catalogue/torrent-reader.ts'
import { openDatabase } from '../../packages/hub/src/database/database.ts'
import { REAL_HUB_SYSTEM } from '../../packages/hub/src/system.ts'
import { madeTorrent } from '../../packages/hub/test/made-torrent.ts'
import { spreadOf } from './statistics.ts'

/*
 * How long a page of fifty takes among many entries, and how long a publish takes until it is acknowledged: on a database on a
 * disk of memory, without HTTP. Names are drawn from English, Vietnamese and Chinese words, with a third of each.
 *
 *     npm run bench -- catalogue --entries 20000
 */

const { values } = parseArgs({ options: { entries: { type: 'string', default: '20000' }, runs: { type: 'string', default: '30' } } })
const entryCount = Number(values.entries)
const runs = Number(values.runs)
const BATCH = 500

const ENGLISH =
  'lecture operating systems network wandering earth ocean fish data physics linear algebra history music piano garden river winter'.split(
    ' ',
  )
const VIETNAMESE = 'bài giảng đại số tuyến tính mắt biếc truyện kiều nguyễn du nơi này có anh đừng làm trái tim đau sông hồng hà nội'.split(
  ' ',
)
const CHINESE = '流浪地球三体机器学习深度神经网络操作系统高等数学线性代数物理化学历史音乐电影电视剧第一季红楼梦西游记'

let state = 7
/** The same names at each run. */
function drawBelow(limit: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
  return Math.floor((state / 0x80000000) * limit)
}

function wordsFrom(words: readonly string[]): string[] {
  return Array.from({ length: 3 + drawBelow(4) }, () => words[drawBelow(words.length)]!)
}

function nameOf(at: number): string {
  if (at % 3 === 0) return `${wordsFrom(ENGLISH).join('.')}.S0${1 + drawBelow(9)}E${10 + drawBelow(20)}.1080p-GRP${at}.mkv`
  if (at % 3 === 1) return `${wordsFrom(VIETNAMESE).join(' ')} ${at}.mp4`
  const start = drawBelow(CHINESE.length - 8)
  return `${CHINESE.slice(start, start + 4 + drawBelow(5))} ${at}.mkv`
}

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'shoal-catalogue-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const database = await openDatabase({ file: join(folder, 'hub.sqlite') })
const host = { id: 'h', caller: { accountId: undefined } }
const now = REAL_HUB_SYSTEM.wallClock()
await database.db
  .insertInto('hosts')
  .values({
    id: host.id,
    key_hash: '-',
    name: 'h',
    account_id: null,
    ip: '10.0.0.1',
    port: 6881,
    version: '-',
    first_seen_at: now,
    last_seen_at: now,
  })
  .execute()
for (let from = 0; from < entryCount; from += BATCH) {
  await database.transaction(async (trx) => {
    const writer = new EntryWriter(trx)
    for (let at = from; at < from + BATCH; at++) {
      const name = nameOf(at)
      const infoHash = createHash('sha1').update(name).digest('hex')
      const summary = {
        infoHash,
        infoHashV2: undefined,
        name,
        size: 1 + drawBelow(2 ** 30),
        pieceLength: 16_384,
        pieceCount: 100,
        fileCount: 1,
      }
      await writer.insert({
        id: `${at}`,
        name,
        nameKey: nameKey(name),
        hostId: host.id,
        ownerId: undefined,
        localPath: `/${at}`,
        description: undefined,
        tags: [['video', 'music', 'book', 'other'][drawBelow(4)]!],
        torrent: { ...summary, isPrivate: false, warnings: [] },
        sha256: infoHash,
        at: now + at,
      })
    }
  })
}
const torrents = new TorrentReader()
const catalogue = await Catalogue.open({
  database,
  files: new TorrentFiles(folder, REAL_HUB_SYSTEM),
  torrents,
  swarms: { countsOf: (infoHash) => ({ seeds: Number.parseInt(infoHash.slice(0, 2), 16) % 20, leechers: 0 }) },
  presence: { isOnline: () => true, holdersOf: () => [] },
  rules: { rules: () => ({ hubName: 'bench', maxFilesPerMember: 1_000_000, forgetAfterDays: 0, isMembersOnly: false }) },
  system: REAL_HUB_SYSTEM,
  secret: new Uint8Array(32),
  onEvent: () => {},
})
const permissions = permissionsOf('member')
const reader: Reader = { accountId: 'a', name: 'a', may: (permission) => permissions.has(permission) }

const QUESTIONS: Readonly<Record<string, FileListQuery>> = {
  'a word in a third of all': { q: '1080p' },
  'a word in two thirds': { q: 'mkv' },
  'two words': { q: 'lecture ocean' },
  Vietnamese: { q: 'bài giảng' },
  'without marks': { q: 'bai giang' },
  'without spaces': { q: 'baigiang' },
  'two Chinese characters': { q: '学习' },
  'part of a word': { q: 'ecture' },
  'one of all': { q: 'GRP1200' },
  nothing: { q: 'zzzzqqq' },
  'the newest': {},
  'by name': { sort: 'name' },
  'the largest': { sort: 'largest' },
  'of a tag': { tag: 'video' },
}

const questions: Record<string, { medianMs: number; maxMs: number }> = {}
for (const [what, query] of Object.entries(QUESTIONS)) {
  questions[what] = await timesOf(async () => {
    await catalogue.list({ ...query, limit: 50 }, reader)
  })
}
let published = 0
const publish = await timesOf(async () => {
  const name = `published ${published++}`
  const { bytes } = madeTorrent({ name, length: 2 ** 30, pieceLength: 2 ** 20 })
  await catalogue.publish(host, { name, torrent: Buffer.from(bytes).toString('base64'), localPath: `/published/${published}` })
})
await torrents.close()
await database.close()

console.log(
  JSON.stringify({
    bench: 'catalogue',
    entries: entryCount,
    runs,
    questions,
    publish,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim(),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.version,
  }),
)

async function timesOf(work: () => Promise<void>): Promise<{ medianMs: number; maxMs: number }> {
  const times: number[] = []
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now()
    await work()
    times.push(performance.now() - startedAt)
  }
  const { median, max } = spreadOf(times)
  return { medianMs: Number(median.toFixed(1)), maxMs: Number(max.toFixed(1)) }
}
