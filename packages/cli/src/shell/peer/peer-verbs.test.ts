import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { FAKE_ID, FakeDaemon, fakeHubItem, fakeTorrent } from '../../../test/fake-daemon.ts'
import { FakeHub, fakeFile, fakePeer, fakePieces } from '../../../test/fake-hub.ts'
import { widthOf } from '../../render/text.ts'
import { completionsOf } from '../completion.ts'
import type { LineSource } from '../line-source.ts'
import { Shell } from '../shell.ts'
import { usageOf } from '../verb.ts'
import { ALL_PEER_VERBS } from './peer-verbs.ts'
import type { PeerWorld } from './peer-world.ts'

const NOW = 1_000_000
const same = (text: string): string => text
const palette = { good: same, waiting: same, bad: same, dim: same, strong: same }
const OTHER_ID = 'cd'.repeat(20)

const binh = fakePeer('Bình Nguyễn', '192.168.1.12', 6881)

let daemon: FakeDaemon
let world: PeerWorld
let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-verbs-'))
  writeFileSync(join(folder, 'lecture.torrent'), 'd4:infode')
})
after(() => rmSync(folder, { recursive: true }))

beforeEach(() => {
  daemon = new FakeDaemon()
  world = {
    client: daemon.client,
    folder,
    ownAddresses: () => ['192.168.1.2'],
    chance: () => 0.5,
    maker: {
      make: async ({ path, target, trackers }) => ({
        file: target,
        name: path.split('/').at(-1)!,
        infoHash: FAKE_ID,
        size: 1 << 20,
        pieceLength: 16_384,
        pieceCount: 64,
        magnet: `magnet:?xt=urn:btih:${FAKE_ID}${trackers.map((url) => `&tr=${url}`).join('')}`,
        warnings: [],
      }),
    },
  }
  daemon.hubs = [fakeHubItem('class')]
  daemon.hub = new FakeHub()
  daemon.hub.peers = [binh]
  daemon.hub.files = [fakeFile('lecture-04', binh), fakeFile('lecture-04-slides', binh, { infoHash: OTHER_ID })]
  daemon.hub.pieces = [fakePieces([[binh, 1_455, 'all']], [1, 1]), { ...fakePieces([], [0]), infoHash: OTHER_ID }]
})

/** What a shell with these lines shows. */
async function shown(
  lines: readonly string[],
  { isTerminal = true, width = 200, isJson = false, isPerson = false } = {},
): Promise<string[]> {
  const left = [...lines]
  let written = ''
  const write = (text: string): void => {
    written += text
  }
  const source: LineSource = {
    isInteractive: isPerson,
    next: async () => left.shift(),
    ask: async () => left.shift(),
    write,
    close: () => {},
  }
  const view = { isTerminal, isLive: false, palette, columns: () => width, write, onResize: () => () => {} }
  const shell = new Shell({
    verbs: ALL_PEER_VERBS,
    world,
    lines: source,
    view,
    messages: view,
    isJson,
    now: () => NOW,
    exitSummary: 'leaves',
  })
  await shell.run()
  return written.split('\n').slice(0, -1)
}

async function one(line: string): Promise<string> {
  return (await shown([line])).join('\n')
}

describe('verbs of a peer', () => {
  test('every founding verb is there, in its spelling', async () => {
    const founding =
      'create upload download downloads stop announce scrape magnet publish unpublish fetch discover ping list_files list_peers list_chunkinfo connect start register login logout set_delay l p q exit help ?'
    for (const name of founding.split(' ')) {
      const text = await one(`help ${name}`)
      assert.match(text, /For example: /, name)
    }
    const names = ALL_PEER_VERBS.flatMap(({ name, aliases = [] }) => [name, ...aliases])
    assert.deepEqual(
      names.filter((name, at) => names.indexOf(name) !== at),
      [],
      'no two verbs have one name',
    )
  })

  test('every verb has a summary and an example of its own, and is in docs/shell.md', () => {
    const page = readFileSync(new URL('../../../../../docs/shell.md', import.meta.url), 'utf8')
    for (const verb of ALL_PEER_VERBS) {
      assert.ok([verb.name, ...(verb.aliases ?? [])].includes(verb.example.split(' ')[0]!), verb.example)
      assert.match(verb.summary, /^[a-z].*[^.]$/)
      const row = `| \`${usageOf(verb).replaceAll('|', '\\|')}\` | ${verb.summary} |`
      assert.ok(page.includes(row), row)
    }
  })

  /** What each line tells the daemon. */
  const TOLD: Readonly<Record<string, string>> = {
    'connect 192.168.1.2 6880': 'POST /v1/hubs {"url":"192.168.1.2:6880"}',
    'connect 192.168.1.2:6880 --default': 'POST /v1/hubs {"url":"192.168.1.2:6880","isDefault":true}',
    'disconnect class': 'DELETE /v1/hubs/id-class',
    'logout class.example:6880': 'DELETE /v1/hubs/id-class/session',
    'publish /data/lecture-04': 'POST /v1/publications {"path":"/data/lecture-04","hub":"id-class"}',
    'share /data/lecture-04 Lecture 4': 'POST /v1/publications {"path":"/data/lecture-04","hub":"id-class","name":"Lecture 4"}',
    'fetch x': 'POST /v1/fetches {"what":"x"}',
    'fetch x /data/x 192.168.1.12 6881': 'POST /v1/fetches {"what":"x","destination":"/data/x","from":"192.168.1.12:6881"}',
    'get x --from binh --hub class': 'POST /v1/fetches {"what":"x","hub":"id-class","from":"binh"}',
    'download lecture.torrent /data': 'POST /v1/torrents {"metainfo":"ZDQ6aW5mb2Rl","dir":"/data"}',
    [`add ${FAKE_ID} --paused --label video`]: `POST /v1/torrents {"link":"${FAKE_ID}","labels":["video"],"isPaused":true}`,
    'add "magnet:?xt=x" --files 1,3-4 --sequential': 'POST /v1/torrents {"link":"magnet:?xt=x","files":[0,2,3],"isSequential":true}',
    'ping 192.168.1.12 6881': 'POST /v1/hubs/id-class/pings {"ip":"192.168.1.12","port":6881}',
    'set_delay 0.5': 'PATCH /v1/settings {"delayMs":500}',
    'settings maxActiveDownloads 5': 'PATCH /v1/settings {"maxActiveDownloads":5}',
    'settings uploadLimit off': 'PATCH /v1/settings {"uploadLimit":null}',
    'settings notify off': 'PATCH /v1/settings {"notify":false}',
    'settings watchFolders [{"path":"/data/in"}]': 'PATCH /v1/settings {"watchFolders":[{"path":"/data/in"}]}',
    'limit --down 5MB': 'PATCH /v1/settings {"downloadLimit":5000000}',
  }
  for (const [line, told] of Object.entries(TOLD)) {
    test(line, async () => {
      const text = await one(line)
      assert.deepEqual(daemon.told, [told], text)
    })
  }

  /** The same about a torrent that is there. */
  const OF_A_TORRENT: Readonly<Record<string, string>> = {
    'pause lecture-04': `POST /v1/torrents/${FAKE_ID}/pause`,
    'pause --all': `POST /v1/torrents/${FAKE_ID}/pause`,
    'resume lecture-04': `POST /v1/torrents/${FAKE_ID}/resume`,
    stop: `POST /v1/torrents/${FAKE_ID}/pause`,
    'recheck abababab': `POST /v1/torrents/${FAKE_ID}/recheck`,
    announce: `POST /v1/torrents/${FAKE_ID}/announce`,
    'move lecture-04 /mnt': `POST /v1/torrents/${FAKE_ID}/move {"dir":"/mnt"}`,
    'remove LECTURE-04': `DELETE /v1/torrents/${FAKE_ID}?data=keep`,
    'rm lecture-04 --data': `DELETE /v1/torrents/${FAKE_ID}?data=recycle`,
    'rename lecture-04 Sorting networks': `PATCH /v1/torrents/${FAKE_ID} {"name":"Sorting networks"}`,
    'label lecture-04 video course': `PATCH /v1/torrents/${FAKE_ID} {"labels":["video","course"]}`,
    'limit lecture-04 --up 1MB': `PATCH /v1/torrents/${FAKE_ID} {"uploadLimit":1000000}`,
    'sequential lecture-04': `PATCH /v1/torrents/${FAKE_ID} {"isSequential":true}`,
    'queue lecture-04 2 --force': `PATCH /v1/torrents/${FAKE_ID} {"isForced":true,"queuePosition":2}`,
    'priority lecture-04 1 high': `PATCH /v1/torrents/${FAKE_ID} {"priorities":[{"index":0,"priority":6}]}`,
  }
  for (const [line, told] of Object.entries(OF_A_TORRENT)) {
    test(line, async () => {
      daemon.torrents = [fakeTorrent('lecture-04')]
      daemon.files = [{ index: 0, path: ['a.mp4'], size: 1, haveBytes: 0, priority: 4, contentUrl: '/x' }]
      const text = await one(line)
      assert.deepEqual(daemon.told, [told], text)
    })
  }

  test('stop shows what was down- and uploaded', async () => {
    daemon.torrents = [fakeTorrent('lecture-04')]
    assert.equal(await one('stop lecture-04'), '  Stopped "lecture-04": 888 MiB down, 38.1 MiB up. It goes on with: resume')
    assert.equal(await one('stop'), '  Nothing runs, so there is nothing to stop.')
  })

  test('list shows names, sizes, progress and rates in 80 columns', async () => {
    daemon.torrents = [
      fakeTorrent('数据结构与算法讲义 with a name that is longer than it should be'),
      fakeTorrent('b', { id: OTHER_ID, status: 'seeding', haveBytes: 1_525_678_080, downloadRate: 0, uploadRate: 0 }),
    ]
    const lines = await shown(['list'], { width: 80 })
    for (const line of lines) assert.ok(widthOf(line) <= 80, line)
    assert.match(lines[1]!, /1\.42 GiB {3}60 % {2}downloading {2}412 MB\/s {2}38\.0 MB\/s/)
    assert.match(lines[2]!, /100 % {2}sharing/)
  })

  test('l shows what is missing, p who is connected, magnet the link whole', async () => {
    daemon.torrents = [fakeTorrent('lecture-04')]
    daemon.peers = [
      {
        ip: '192.168.1.12',
        port: 6881,
        client: 'Shoal 0.1',
        isIncoming: false,
        isSeed: true,
        progress: 1,
        downloadRate: 2e6,
        uploadRate: 0,
        downloaded: 1,
        uploaded: 0,
        flags: 'D',
      },
    ]
    assert.equal(await one('l lecture-04'), '  "lecture-04": 567 of 1,455 pieces missing: 888-1454')
    assert.match(await one('p'), /lecture-04 {2}192\.168\.1\.12:6881 {2}Shoal 0\.1 {2}100 % {2}2\.00 MB\/s/)
    assert.deepEqual(await shown(['magnet lecture-04'], { width: 30 }), [`magnet:?xt=urn:btih:${FAKE_ID}&dn=lecture-04`])
  })

  test('what is in a hub is looked at through the peer', async () => {
    assert.match(await one('list_files'), /lecture-04 +1\.42 GiB/)
    assert.match(await one('search slides'), /lecture-04-slides/)
    assert.match(await one('list_peers'), /Bình Nguyễn {2}192\.168\.1\.12:6881/)
    assert.match(await one('discover 192.168.1.12 6881'), /lecture-04/)
    assert.match(await one('list_chunkinfo lecture-04'), /0-1454/)
    assert.match(await one('ping "Bình Nguyễn"'), /answered in 0\.412 ms/)
  })

  test('share shows a card to pass on, with a code when it is asked for', async () => {
    const lines = await shown(['share /data/lecture-04 --qr'], { width: 80 })
    assert.equal(lines[0], '  lecture-04    1.42 GiB · 1,455 pieces of 1 MiB')
    assert.match(lines.join('\n'), /link +http:\/\/class\.example:6880\/s\/lecture-04\n/)
    assert.match(lines.join('\n'), /[▀▄█]{8}/)
    assert.match(lines.join(' '), /nobody else holds every piece +yet/)
  })

  test('a link of a hub that is not known is followed there', async () => {
    const link = 'http://new.example:6880/s/m7x6UjeH6DwZ-82s'
    await shown([`get ${link}`])
    assert.deepEqual(daemon.told, ['POST /v1/hubs {"url":"http://new.example:6880"}', `POST /v1/fetches {"what":"${link}"}`])
    daemon.told.length = 0
    await shown(['get http://class.example:6880/s/x'])
    assert.deepEqual(daemon.told, ['POST /v1/fetches {"what":"http://class.example:6880/s/x"}'])
  })

  test('without a hub it is said how one gets to one', async () => {
    daemon.hubs = []
    for (const line of ['publish /data/x', 'list_files', 'ping an', 'login an']) {
      assert.match(await one(line), /knows no hub yet\. Connect with: connect <address> .*\(NOT_CONNECTED\)$/)
    }
  })

  test('refusals come as the daemon says them, with their code', async () => {
    await one('publish /data/lecture-04')
    assert.match(await one('publish /data/lecture-04'), /it is shared already.*\(ALREADY_SHARED\)$/)
    assert.match(await one('fetch lecture-05'), /No file named "lecture-05"\. Close: "lecture-04".*\(NOT_FOUND\)$/)
    daemon.torrents = [fakeTorrent('lecture-04')]
    assert.match(
      await one('show lecture-05'),
      /No torrent named "lecture-05" is here\. Close: "lecture-04"\. \(list shows all\) \(NOT_FOUND\)$/,
    )
  })

  test('what is added twice is said to be here, and what it got from that', async () => {
    daemon.torrents = [fakeTorrent('lecture-04')]
    assert.equal(await one(`add ${FAKE_ID} --tracker http://t/announce`), "  'lecture-04' is already here.\n  It has one tracker more.")
  })

  test('two torrents of one name are told apart by their info hash', async () => {
    daemon.torrents = [fakeTorrent('x'), fakeTorrent('x', { id: OTHER_ID })]
    assert.match(await one('pause x'), /abababab, cdcdcdcd \(AMBIGUOUS\)$/)
    await one('pause cdcdcdcd')
    assert.deepEqual(daemon.told, [`POST /v1/torrents/${OTHER_ID}/pause`])
  })

  test('what is typed wrong tells nothing to the daemon', async () => {
    daemon.torrents = [fakeTorrent('lecture-04')]
    const wrong = [
      'connect a b c',
      'pause',
      'pause lecture-04 --all',
      'set_delay soon',
      'set_delay 61',
      'limit --up fast',
      'priority lecture-04 0 high',
      'priority lecture-04 1 most',
      'sequential lecture-04 maybe',
      'queue lecture-04 first',
      'settings nothing 1',
      'settings slowRate many',
      'settings goals {',
      'downloads lecture.torrent',
      'add x --files many',
      'fetch x /y 10.0.0.1 1 --from an',
    ]
    for (const line of wrong) assert.match(await one(line), /\(USAGE\)$/, line)
    assert.match(await one('download nothing.torrent'), /\(FILE_MISSING\)$/)
    assert.match(await one('upload nothing'), /\(FILE_MISSING\)$/)
    assert.deepEqual(daemon.told, [])
  })

  test('a password is asked for, twice for a new account', async () => {
    await shown(['register an --invite K7mQ', 'correct horse', 'correct horse'], { isPerson: true })
    const [mistyped] = (await shown(['register an', 'correct horse', 'correct hose'], { isPerson: true })).slice(-1)
    assert.match(mistyped!, /not the same, so no account was made/)
    await shown(['login an', 'correct horse'])
    assert.deepEqual(daemon.told, [
      'POST /v1/hubs/id-class/account {"name":"an","password":"correct horse","invite":"K7mQ"}',
      'POST /v1/hubs/id-class/session {"name":"an","password":"correct horse"}',
    ])
  })

  test('upload makes the torrent of what is none, and waits until it is made', async () => {
    writeFileSync(join(folder, 'notes.txt'), 'x')
    assert.match(await one('upload notes.txt http://t/announce'), /Sharing "lecture-04"/)
    assert.deepEqual(daemon.told, [`POST /v1/creations {"path":"${join(folder, 'notes.txt')}","trackers":[["http://t/announce"]]}`])
  })

  test('--wait ends when everything is here, or says why it does not come', async () => {
    daemon.events.push({ type: 'torrents', changed: [fakeTorrent('x', { status: 'seeding', haveBytes: 1_525_678_080 })], removed: [] })
    assert.match(await one('fetch x --wait'), /"x" is here: 1\.42 GiB, every piece verified, in \/home\/an\/Downloads/)
    daemon.events.length = 0
    const error = { code: 'NOT_WRITABLE', detail: 'Cannot write to /data: no permission' }
    daemon.events.push({ type: 'torrents', changed: [fakeTorrent('x', { status: 'failed', error })], removed: [] })
    assert.match(await one('fetch y --wait'), /Cannot write to \/data: no permission \(NOT_WRITABLE\)$/)
  })

  test('every answer is JSON when it is asked for', async () => {
    daemon.torrents = [fakeTorrent('lecture-04')]
    for (const line of [
      'list',
      'show lecture-04',
      'files lecture-04',
      'p',
      'trackers lecture-04',
      'scrape lecture-04',
      'l',
      'hubs',
      'shared',
      'start',
      'settings',
      'list_files',
      'list_peers',
      'list_chunkinfo',
      'queue',
      'log lecture-04',
      'stop',
    ]) {
      const lines = await shown([`${line} --json`])
      assert.equal(lines.length, 1, line)
      assert.doesNotThrow(() => JSON.parse(lines[0]!), line)
    }
  })

  test('completes torrents, hubs and names of the hub', async () => {
    daemon.torrents = [fakeTorrent('lecture-04')]
    const complete = (line: string) => completionsOf(line, ALL_PEER_VERBS, world, new AbortController().signal)
    assert.deepEqual(await complete('pause lec'), [['lecture-04 '], 'lec'])
    assert.deepEqual(await complete('disconnect cl'), [['class '], 'cl'])
    assert.deepEqual(await complete('fetch lecture-04-'), [['lecture-04-slides '], 'lecture-04-'])
    assert.deepEqual(await complete('list_ch'), [['list_chunkinfo '], 'list_ch'])
  })
})
