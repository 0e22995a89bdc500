import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { beforeEach, describe, test } from 'node:test'
import { FakeHub, fakeFile, fakePeer, fakePieces } from '../../../test/fake-hub.ts'
import { widthOf } from '../../render/text.ts'
import { completionsOf } from '../completion.ts'
import type { LineSource } from '../line-source.ts'
import { Shell } from '../shell.ts'
import { usageOf } from '../verb.ts'
import { HUB_VERBS } from './hub-verbs.ts'
import type { HubWorld } from './hub-world.ts'

const NOW = 1_000_000
const same = (text: string): string => text
const palette = { good: same, waiting: same, bad: same, dim: same, strong: same }

const an = fakePeer('an', '192.168.1.10', 6881, 2)
const binh = fakePeer('Bình Nguyễn', '192.168.1.12', 6881)
const li = fakePeer('李雷的电脑', '192.168.1.31', 1)
const gone = fakePeer('chi', '192.168.1.40', 6881)

let hub: FakeHub
let world: HubWorld

beforeEach(() => {
  hub = new FakeHub()
  world = { client: hub.client, publicUrl: hub.client.url, ownAddresses: () => ['192.168.1.2'], chance: () => 0.5 }
  hub.peers = [an, binh, li]
  hub.files = [
    fakeFile('lecture-04', an, { localPath: '/home/an/lectures/lecture-04' }),
    fakeFile('lecture-04-slides', an, { infoHash: 'cd'.repeat(20), size: 3 << 20, pieceCount: 3 }),
    fakeFile('数据结构与算法讲义', { ...gone }, { host: { id: gone.id, name: gone.name, isOnline: false, ip: gone.ip, port: gone.port } }),
  ]
  hub.pieces = [
    fakePieces(
      [
        [an, 1_455, 'all'],
        [binh, 902, '0-511,700-1089'],
        [li, 0, 'none'],
      ],
      [1, 1, 2, 2, 0, 9],
    ),
  ]
  hub.members = [
    { id: 'm1', name: 'an', role: 'owner', createdAt: 1, lastSeenAt: NOW, isBanned: false, files: 2, isOnline: true },
    { id: 'm2', name: 'Bình', role: 'member', createdAt: 1, lastSeenAt: NOW - 180_000, isBanned: false, files: 0, isOnline: false },
    {
      id: 'm3',
      name: 'mallory',
      role: 'guest',
      createdAt: 1,
      lastSeenAt: null,
      isBanned: true,
      banReason: 'spam',
      files: 0,
      isOnline: false,
    },
  ]
})

/** What a shell with these lines shows; failures stand among the answers, with their code. */
async function shown(lines: readonly string[], { isTerminal = true, width = 80, isJson = false } = {}): Promise<string[]> {
  const left = [...lines]
  let written = ''
  const write = (text: string): void => {
    written += text
  }
  const source: LineSource = {
    isInteractive: false,
    next: async () => left.shift(),
    ask: async () => left.shift(),
    write,
    close: () => {},
  }
  const view = { isTerminal, isLive: false, palette, columns: () => width, write, onResize: () => () => {} }
  const shell = new Shell({ verbs: HUB_VERBS, world, lines: source, view, messages: view, isJson, now: () => NOW, exitSummary: 'leaves' })
  await shell.run()
  return written.split('\n').slice(0, -1)
}

async function one(line: string): Promise<string> {
  return (await shown([line], { width: 200 })).join('\n')
}

describe('peers', () => {
  test('list_peers shows names, addresses and since when', async () => {
    assert.deepEqual(await shown(['list_peers']), [
      '  name         address            files  member  program      connected',
      '  an           192.168.1.10:6881      2          Shoal 0.1.0  1 min',
      '  Bình Nguyễn  192.168.1.12:6881      0          Shoal 0.1.0  1 min',
      '  李雷的电脑   192.168.1.31:1         0          Shoal 0.1.0  1 min',
    ])
    hub.peers = []
    assert.match(await one('p'), /^ {2}Nobody is connected yet\./)
  })

  test('ping measures the way to a peer, by name or by address', async () => {
    const answer = '  an 192.168.1.10:6881 answered in 0.412 ms; its port takes connections.'
    for (const line of ['ping an', 'ping 192.168.1.10 6881', 'ping 192.168.1.10:6881', 'ping AN']) assert.equal(await one(line), answer)
    assert.match(await one('ping binh nguyen'), /^ {2}"Bình Nguyễn" 192\.168\.1\.12:6881 answered/)
    assert.match(await one('ping 192.168.1.31 1'), /answered in 0\.412 ms; its port takes no connections \(refused\)\.$/)
  })

  test('ping is refused for the hub itself, by any of its addresses', async () => {
    for (const line of ['ping 127.0.0.1 6880', 'ping localhost 6880', 'ping 192.168.1.2:6880', 'ping 127.0.0.9 6880', 'ping ::1 6880']) {
      assert.match(await one(line), /Cannot ping .*:6880: that is this hub itself\..*\(PING_SELF\)$/, line)
    }
    assert.match(await one('ping 192.168.1.2 6881'), /NOT_FOUND/, 'a peer on the machine of the hub has another port')
  })

  test('ping tells an unknown peer from one that is gone, and both from bad words', async () => {
    assert.match(await one('ping nobody'), /No peer "nobody" is connected\. \(list_peers shows all\) \(NOT_FOUND\)/)
    assert.match(await one('ping am'), /No peer "am" is connected\. Close: "an"\. /)
    assert.match(await one('ping chi'), /"chi" was here, and is not connected now\..*\(PEER_GONE\)/)
    assert.match(await one('ping 192.168.1.99 6881'), /NOT_FOUND/)
    assert.match(await one('ping'), /ping needs <peer>\. So: ping <ip> <port> \| <name> \(USAGE\)/)
    assert.match(await one('ping 192.168.1.10'), /ping needs the port, too\. So: ping <ip> <port> \| <name>/)
    assert.match(await one('ping 192.168.1.10 http'), /"http" is no port: a port is a number from 1 to 65535/)
    assert.match(await one('ping 192.168.1.10 65536'), /"65536" is no port/)
  })

  test('discover shows what one peer shares: name, size, pieces, address and path', async () => {
    const table = [
      '  name                   size  pieces  address            path',
      '  lecture-04         1.42 GiB   1,455  192.168.1.10:6881  /home/an/lectures/le…',
      '  lecture-04-slides     3 MiB       3  192.168.1.10:6881',
      '  2 files.',
    ]
    assert.deepEqual(await shown(['discover 192.168.1.10 6881']), table)
    assert.deepEqual(await shown(['discover an']), table)
    assert.equal(await one('discover "Bình Nguyễn"'), '  "Bình Nguyễn" (192.168.1.12:6881) shares nothing yet.')
  })

  test('discover shows what a peer that is gone has published, and knows who never was here', async () => {
    assert.match(
      await one('discover 192.168.1.40 6881'),
      /数据结构与算法讲义 .*\n {2}It is not connected now; this is what it published\.$/,
    )
    assert.match(await one('discover 192.168.1.41 6881'), /No peer "192\.168\.1\.41:6881" is connected\. .*NOT_FOUND/)
  })

  test('names and addresses are completed', async () => {
    const complete = async (line: string) => (await completionsOf(line, HUB_VERBS, world, AbortSignal.timeout(1_000)))[0]
    assert.deepEqual(await complete('ping b'), ['"Bình Nguyễn" '])
    assert.deepEqual(await complete('ping 192.168.1.3'), ['192.168.1.31 '])
    assert.deepEqual(await complete('discover 192.168.1.31 '), ['1 '])
    assert.deepEqual(await complete('list_chunkinfo lecture-04-'), ['lecture-04-slides '])
    assert.deepEqual(await complete('role bi'), ['Bình '])
    assert.deepEqual(await complete('role an mo'), ['moderator '])
    assert.deepEqual(await complete('settings registration '), ['open ', 'invite ', 'closed '])
  })
})

describe('files', () => {
  test('list_files shows everything, or what matches', async () => {
    assert.deepEqual(await shown(['list_files']), [
      '  name                    size  pieces  from  address            copies',
      '  lecture-04          1.42 GiB   1,455  an    192.168.1.10:6881    1.50',
      '  lecture-04-slides      3 MiB       3  an    192.168.1.10:6881    1.50',
      '  数据结构与算法讲义  1.42 GiB   1,455  chi   gone                 1.50',
    ])
    assert.equal((await shown(['list_files slides'])).length, 2)
    assert.equal(await one('list_files lecture-05'), '  Nothing here matches "lecture-05". Close: "lecture-04". (list_files shows all)')
    hub.files = []
    assert.match(await one('list_files'), /^ {2}Nothing is shared here yet\./)
  })

  test('list_files gets every page, up to a bound', async () => {
    hub.files = Array.from({ length: 1_250 }, (_, index) => fakeFile(`file ${index}`, an))
    const lines = await shown(['list_files'])
    assert.equal(lines.length, 1 + 1_000 + 1)
    assert.match(lines.at(-1) ?? '', /The newest 1,000; words behind list_files find the others/)
  })

  test('list_chunkinfo shows who has which pieces', async () => {
    assert.deepEqual(await shown(['list_chunkinfo lecture-04']), [
      '  lecture-04',
      '  1,455 pieces · 3 holders · 1 seed, 2 leechers · rarest piece has no copy',
      '  an           192.168.1.10:6881  100 %  0-1454',
      '  Bình Nguyễn  192.168.1.12:6881   61 %  0-511, 700-1089',
      '  李雷的电脑   192.168.1.31:1       0 %  none',
      '  copies  ▁▁▂▂·█',
    ])
  })

  test('list_chunkinfo without a name shows all; equal content is one, whatever it is called', async () => {
    hub.files = [fakeFile('lecture-04', an), fakeFile('bài giảng 4', binh)]
    const lines = await shown(['list_chunkinfo'], { width: 120 })
    assert.equal(lines.filter((line) => line.includes('1,455 pieces')).length, 1)
    assert.match(lines[0] ?? '', /^ {2}lecture-04, bài giảng 4 {3}1,455 pieces · 3 holders/)
  })

  test('list_chunkinfo says what the hub says of a name that it does not have', async () => {
    assert.equal(await one('list_chunkinfo lecture-05'), 'shoal: No file named "lecture-05". Close: "lecture-04" (NOT_FOUND)')
  })

  test('maps of buckets say that they tell less than there is; broken ones are not shown', async () => {
    hub.pieces = [
      fakePieces(
        [
          [an, 6, `~${'g'.padEnd(43, 'A')}`],
          [binh, 5, 'nonsense'],
        ],
        [1],
      ),
    ]
    const lines = await shown(['list_chunkinfo lecture-04'])
    assert.match(lines[2] ?? '', /0-5 at least$/)
    assert.match(lines[3] ?? '', /unknown$/)
  })

  test('withdraw takes one entry away, and asks whose when there are several', async () => {
    hub.files.push(fakeFile('lecture-04', binh))
    assert.match(
      await one('withdraw lecture-04'),
      /Several share something named "lecture-04": "an", "Bình Nguyễn"\. Say whose with --from \(AMBIGUOUS\)/,
    )
    assert.equal(await one('withdraw lecture-04 --from an'), '  "lecture-04" is out of the list.')
    assert.deepEqual(
      hub.files.filter(({ name }) => name === 'lecture-04').map(({ host }) => host?.name),
      ['Bình Nguyễn'],
    )
    assert.match(await one('withdraw lecture-04 --from an'), /NOT_FOUND/)
  })

  test('every table fits 80 columns, with names of any script', async () => {
    hub.files = [
      fakeFile('bài giảng số 4 về mạng máy tính và các giao thức truyền tệp ngang hàng', an, { localPath: `/home/${'x'.repeat(100)}` }),
      fakeFile('数据结构与算法讲义（第四讲：对等网络中的文件分发与完整性校验）', li),
    ]
    hub.members[0]!.name = 'a very long name of a member that goes on'
    hub.auditEntries = [
      { id: 1, at: 1, actor: 'somebody with a name', action: 'member.ban', subject: 'y'.repeat(60), detail: 'z'.repeat(90) },
    ]
    for (const verb of [
      'list_peers',
      'list_files',
      'discover an',
      'list_chunkinfo',
      'members',
      'audit',
      'settings',
      'stats',
      'start',
      'help',
    ]) {
      for (const line of await shown([verb])) assert.ok(widthOf(line) <= 80, `${verb}: ${line}`)
    }
  })

  test('a pipe gets cells between tabs, and nothing is cut', async () => {
    assert.deepEqual(await shown(['list_chunkinfo lecture-04'], { isTerminal: false }), [
      'file\tpeer\taddress\thave\tpieces',
      'lecture-04\tan\t192.168.1.10:6881\t1455/1455\t0-1454',
      'lecture-04\tBình Nguyễn\t192.168.1.12:6881\t902/1455\t0-511, 700-1089',
      'lecture-04\t李雷的电脑\t192.168.1.31:1\t0/1455\tnone',
    ])
    assert.equal((await shown(['list_files'], { isTerminal: false }))[0], 'name\tsize\tpieces\tfrom\taddress\tcopies')
  })

  test('programs get what the hub said', async () => {
    const lines = await shown(['list_files', 'ping an', 'list_chunkinfo lecture-04', 'stats', 'start'], { isJson: true })
    const [files, ping, chunks, stats, start] = lines.map((line) => JSON.parse(line))
    assert.deepEqual(files, hub.files)
    assert.equal(ping.roundTripMs, 0.4123)
    assert.deepEqual(chunks[0].names, ['lecture-04'])
    assert.deepEqual(chunks[0].holders, hub.pieces[0]?.holders)
    assert.equal(stats.udpAnnounces, 7_000)
    assert.equal(start.url, 'http://127.0.0.1:6880')
  })

  test('a hostile name changes nothing but its own cell', async () => {
    hub.files = [fakeFile('a\u001b[2J\nb\u202e"c', an)]
    const lines = await shown(['list_files', 'discover an', 'list_files x'])
    for (const line of lines) for (const character of line) assert.ok(character >= ' ' && character !== '\u202e', JSON.stringify(line))
    assert.match(lines[1] ?? '', /^ {2}a \[2J b"c {2}/)
  })
})

describe('people', () => {
  test('register asks for the password', async () => {
    assert.deepEqual(await shown(['register "Tí Nguyễn" --invite CODE', 'correct horse', 'stats']), [
      '  "Tí Nguyễn" has an account now, as member.',
      ...(await shown(['stats'])),
    ])
    assert.deepEqual(hub.registered, [{ name: 'Tí Nguyễn', password: 'correct horse', invite: 'CODE' }])
    assert.equal(hub.signedOut, 1, 'nobody here keeps the session of somebody else')
  })

  test('register makes the owner first, and then invites by itself where only the invited may come in', async () => {
    await shown(['register an', 'correct horse'])
    assert.equal(hub.registered[0]?.invite, 'CODE')
    hub.members = []
    assert.deepEqual(await shown(['register an', 'correct horse']), ['  "an" has an account now, as owner.'])
    hub.members = [{ id: 'm1', name: 'an', role: 'owner', createdAt: 1, lastSeenAt: NOW, isBanned: false, files: 2, isOnline: true }]
    hub.settings.registration = 'open'
    await shown(['register an', 'correct horse'])
    assert.equal(hub.registered[1]?.invite, undefined)
  })

  test('members, roles and bans', async () => {
    assert.deepEqual(await shown(['members']), [
      '  name     role    files  seen',
      '  an       owner       2  now',
      '  Bình     member      0  3 min ago',
      '  mallory  guest       0  banned: spam',
    ])
    assert.equal(await one('role binh moderator'), '  "Bình" is moderator now.')
    assert.equal(await one('ban binh shares what is not his'), '  "Bình" is shut out, everywhere and at once.')
    assert.deepEqual([hub.members[1]?.isBanned, hub.members[1]?.banReason], [true, 'shares what is not his'])
    assert.equal(await one('unban Bình'), '  "Bình" may come in again.')
    assert.match(await one('role an king'), /"king" is no role: there are owner, admin, moderator, member, guest/)
    assert.match(await one('ban malory'), /No member named "malory" on this hub\. Close: "mallory"\. /)
  })

  test('invitations are made, shown and taken back', async () => {
    assert.deepEqual(await shown(['invite --uses 20 --hours 48 --note "class of 2027"', 'invites', 'uninvite i1', 'invites']), [
      '  link      http://127.0.0.1:6880/join#CODE',
      '  code      CODE',
      '  good for  20 people, as member, for 2 d',
      '  Nobody can see the link again: send it now.',
      '  id  role    left  by  good for  note',
      '  i1  member    20  an  2 d       class of 2027',
      '  The invitation "i1" is good for nobody any more.',
      '  There are no invitations. Make one with: invite',
    ])
    assert.match(await one('invite --uses many'), /--uses is a whole number from 1/)
    assert.match(await one('invite --role owner'), /--role is one of admin, moderator, member, guest/)
  })
})

describe('the hub itself', () => {
  test('start says where it runs, and what to do to be elsewhere', async () => {
    assert.deepEqual(await shown(['start'], { width: 100 }), [
      '  running   http://127.0.0.1:6880 for 2 min (class, Shoal 0.1.0)',
      '  trackers  each member has one, with a key in it',
      '  network   this machine is 192.168.1.2 in its network',
    ])
    world = { ...world, publicUrl: 'https://hub.example/class' }
    hub.settings.visitors = 'member'
    assert.deepEqual((await shown(['start', 'invite'], { width: 100 })).slice(1, 5), [
      '  for others  https://hub.example/class',
      '  trackers    https://hub.example/class/announce',
      '  network     this machine is 192.168.1.2 in its network',
      '  link      https://hub.example/class/join#CODE',
    ])
    world = { ...world, publicUrl: hub.client.url }
    assert.match(
      await one('start 192.168.1.2 7000'),
      /It runs already, .*To serve "192\.168\.1\.2:7000": exit, then shoal hub --host 192\.168\.1\.2 --port 7000 --shell/,
    )
    assert.doesNotMatch(await one('start 127.0.0.1 6880'), /already/)
    hub.members = []
    assert.match(await one('start'), /Nobody owns it yet\./)
  })

  test('settings are shown and changed', async () => {
    assert.equal((await shown(['settings'])).length, 6)
    assert.equal(await one('settings registration'), '  registration  invite')
    assert.equal(await one('settings Registration open'), '  registration  open')
    assert.equal(await one('settings name Lớp mạng máy tính'), '  name  Lớp mạng máy tính')
    assert.equal(await one('settings forgetAfterDays 30'), '  forgetAfterDays  30')
    assert.equal(hub.settings.forgetAfterDays, 30)
    assert.match(await one('settings visitors everybody'), /visitors is one of none, guest, member/)
    assert.match(await one('settings maxFilesPerMember many'), /maxFilesPerMember is a whole number/)
    assert.match(await one('settings colour'), /There is no setting "colour": there are name, visitors/)
  })

  test('backup says where the copy is', async () => {
    assert.match(await one('backup'), /state directory: asked-20261125-220310\.db, 76 KiB\. .*shoal hub backup <file>$/)
  })

  test('audit shows who did what', async () => {
    hub.auditEntries = Array.from({ length: 60 }, (_, index) => ({
      id: index,
      at: NOW - 60_000,
      actor: 'an',
      action: 'member.ban',
      subject: `m${index}`,
    }))
    assert.deepEqual((await shown(['audit 1'])).slice(1), ['  1 min ago  an   member.ban  m0'])
    assert.equal((await shown(['audit'])).length, 21)
    assert.match(await one('audit 0'), /audit shows 1 to 100 lines/)
  })

  test('every verb has a summary and an example that is one of its own', () => {
    for (const verb of HUB_VERBS) {
      assert.match(verb.example, new RegExp(`^${verb.name}\\b`))
      assert.match(verb.summary, /^[a-z].*[^.]$/)
    }
    const names = HUB_VERBS.flatMap((verb) => [verb.name, ...(verb.aliases ?? [])])
    assert.equal(new Set(names).size, names.length)
  })

  test('docs/shell.md has them all', () => {
    const page = readFileSync(new URL('../../../../../docs/shell.md', import.meta.url), 'utf8')
    for (const verb of HUB_VERBS) {
      const row = `| \`${usageOf(verb).replaceAll('|', '\\|')}\` | ${verb.summary} |`
      assert.ok(page.includes(row), row)
    }
  })

  test('a hub that is not there, or that wants somebody else, is said so', async () => {
    hub.close()
    const { HubClient } = await import('@shoal/api/client')
    world = { ...world, client: new HubClient({ url: 'http://127.0.0.1:6880', token: 'wrong', platform: hub.platform }) }
    assert.match(await one('list_peers'), /Sign in first \(NOT_SIGNED_IN\)/)
  })
})
