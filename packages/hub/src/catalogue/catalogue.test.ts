import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { BencodeDictionary, decodeBencode } from '@shoal/protocol/bencode'
import { encodeUtf8, latin1 } from '@shoal/protocol/bytes'
import { base64, CatalogueWorld, caller } from '../../test/catalogue-world.ts'
import { madeTorrent } from '../../test/made-torrent.ts'

const OWNER = caller('owner', 'boss')
const MEMBER = caller('member', 'an')
const GUEST = caller('guest')
const DAY_MS = 24 * 60 * 60 * 1_000

describe('publishing', () => {
  test('an entry is what its host said and what its torrent says', async (t) => {
    const world = await CatalogueWorld.open(t)
    await world.account('an')
    const host = await world.host('h1', 'an')
    const torrent = madeTorrent({ name: 'inner.mp4', length: 50_000 })
    const { entryId } = await world.catalogue.publish(host, {
      name: 'lecture-04',
      torrent: base64(torrent.bytes),
      localPath: '/home/an/inner.mp4',
      description: 'The fourth',
      tags: ['Video', 'class 4b'],
    })
    const entry = await world.catalogue.entry(entryId, MEMBER)
    const { publishedAt, ...rest } = entry
    assert.ok(Math.abs(publishedAt - Date.now()) < 60_000)
    assert.deepEqual(rest, {
      id: entryId,
      name: 'lecture-04',
      infoHash: torrent.infoHash,
      size: 50_000,
      pieceLength: 16_384,
      pieceCount: 4,
      fileCount: 1,
      isPrivate: false,
      description: 'The fourth',
      tags: ['class 4b', 'video'],
      host: { id: 'h1', name: 'peer-h1', isOnline: true, ip: '10.0.0.7', port: 6881 },
      owner: { id: 'an', name: 'an' },
      localPath: '/home/an/inner.mp4',
      availability: { seeds: 0, leechers: 0, holders: 0, rarestCopies: 0, distributedCopies: 0 },
    })
    assert.deepEqual(world.events, [{ type: 'file-published', file: entry }])
    assert.ok(world.catalogue.listed.has(torrent.infoHash))
    assert.deepEqual(await world.catalogue.publishedBy('h1'), [{ name: 'lecture-04', infoHash: torrent.infoHash }])
  })

  test('addresses, members and paths are shown to whom they concern', async (t) => {
    const world = await CatalogueWorld.open(t)
    await world.account('an')
    await world.account('binh')
    const id = await world.publish(await world.host('h1', 'an'), 'a.mp4')
    const seenBy = async (reader: Parameters<typeof world.catalogue.entry>[1]) => {
      const { host, owner, localPath } = await world.catalogue.entry(id, reader)
      return [host?.ip !== undefined, owner !== undefined, localPath !== undefined]
    }
    assert.deepEqual(await seenBy(GUEST), [false, false, false])
    assert.deepEqual(await seenBy(caller('member', 'binh')), [true, true, false])
    assert.deepEqual(await seenBy(caller('moderator', 'mod')), [true, true, false])
    assert.deepEqual(await seenBy(MEMBER), [true, true, true])
    assert.deepEqual(await seenBy(caller('admin', 'root')), [true, true, true])
    assert.deepEqual(await seenBy(caller('member', 'an', ['feed'])), [false, false, false])
  })

  test('a name once a host, a path once a host; others may have both', async (t) => {
    const world = await CatalogueWorld.open(t)
    const [one, two] = [await world.host('h1'), await world.host('h2')]
    await world.publish(one, 'a.mp4')
    await assert.rejects(world.publish(one, 'A.MP4', { seed: 'other' }), {
      code: 'TAKEN',
      message: /"A.MP4" is in use by this peer \("a.mp4"\)/,
    })
    const samePath = { name: 'b.mp4', torrent: base64(madeTorrent().bytes), localPath: '/files/a.mp4' }
    await assert.rejects(world.catalogue.publish(one, samePath), { code: 'ALREADY_SHARED', message: /as "a.mp4"/ })
    await world.catalogue.publish(two, samePath)
    await world.catalogue.publish(two, { ...samePath, name: 'a.mp4', localPath: '/elsewhere' })
  })

  test('equal content at two hosts is one torrent with two entries, until both are gone', async (t) => {
    const world = await CatalogueWorld.open(t)
    const [one, two] = [await world.host('h1'), await world.host('h2')]
    const { infoHash } = madeTorrent({ name: 'x' })
    await world.publish(one, 'a', { name: 'x' })
    await world.publish(two, 'b', { name: 'x' })
    assert.deepEqual(
      (await world.catalogue.shelf.facts(infoHash, OWNER)).entries.map((entry) => entry.name),
      ['b', 'a'],
    )
    assert.deepEqual(await world.catalogue.totals(), { files: 2, torrents: 1, bytes: 100_000 })
    await world.catalogue.withdraw(one, 'A')
    assert.ok(world.catalogue.listed.has(infoHash))
    await world.catalogue.withdraw(two, 'b')
    assert.ok(!world.catalogue.listed.has(infoHash))
    await assert.rejects(world.catalogue.shelf.facts(infoHash, OWNER), { code: 'NOT_FOUND' })
    assert.deepEqual((await world.catalogue.list({ q: 'x' }, OWNER)).items, [])
    await assert.rejects(world.catalogue.withdraw(two, 'b'), { code: 'NOT_FOUND', message: /shares nothing named "b"/ })
  })

  test('of parallel publishes under one name exactly one wins', async (t) => {
    const world = await CatalogueWorld.open(t)
    const host = await world.host('h1')
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, at) =>
        world.catalogue.publish(host, {
          name: at % 2 === 0 ? 'a.mp4' : 'A.mp4',
          torrent: base64(madeTorrent({ seed: `${at}` }).bytes),
          localPath: `/${at}`,
        }),
      ),
    )
    const codes = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : (outcome.reason as { code: string }).code))
    assert.deepEqual(codes.toSorted(), [...Array<string>(11).fill('TAKEN'), 'done'])
    assert.equal(world.events.length, 1)
  })

  test('a member has so many files, whichever host they are at', async (t) => {
    const world = await CatalogueWorld.open(t)
    world.rules.maxFilesPerMember = 2
    await world.account('an')
    const [one, two, nobodys] = [await world.host('h1', 'an'), await world.host('h2', 'an'), await world.host('h3')]
    await world.publish(one, 'a')
    await world.publish(two, 'b')
    await assert.rejects(world.publish(two, 'c'), { code: 'QUOTA', message: /2 files/ })
    await world.publish(nobodys, 'c')
    await world.publish(nobodys, 'd')
    await assert.rejects(world.publish(nobodys, 'e'), { code: 'QUOTA' })
    await world.catalogue.withdraw(one, 'a')
    await world.publish(two, 'c')
  })

  for (const [what, wish, code] of [
    ['no base64', { torrent: 'not base64!' }, 'VALIDATION'],
    ['nothing', { torrent: '' }, 'VALIDATION'],
    ['no torrent', { torrent: base64(encodeUtf8('hello')) }, 'TORRENT_INVALID'],
    ['a name that is a path', { name: '../x' }, 'VALIDATION'],
    ['a path that shows nothing', { localPath: '\u202e' }, 'VALIDATION'],
    ['too many tags', { tags: Array.from({ length: 21 }, (_, at) => `t${at}`) }, 'VALIDATION'],
  ] as const) {
    test(`${what} is refused, and leaves nothing`, async (t) => {
      const world = await CatalogueWorld.open(t)
      const host = await world.host('h1')
      await assert.rejects(world.catalogue.publish(host, { name: 'a', torrent: base64(madeTorrent().bytes), ...wish }), { code })
      assert.deepEqual(await world.catalogue.totals(), { files: 0, torrents: 0, bytes: 0 })
      assert.equal(world.events.length, 0)
    })
  }
})

describe('uploads', () => {
  test('keep the bytes that were given, and say what is odd', async (t) => {
    const world = await CatalogueWorld.open(t)
    world.rules.isMembersOnly = true
    await world.account('an')
    const torrent = madeTorrent({ name: 'a.mp4', trackers: [['ftp://nowhere/']] })
    const file = await world.catalogue.upload(MEMBER, { torrent: base64(torrent.bytes) })
    assert.equal(file.name, 'a.mp4')
    assert.equal(file.infoHash, torrent.infoHash)
    assert.equal(file.host, undefined)
    assert.equal(file.warnings.length, 2)
    assert.match(file.warnings.join(), /ftp|not private/)
    const quiet = await world.catalogue.upload(MEMBER, { torrent: base64(madeTorrent({ name: 'b.mp4', isPrivate: true }).bytes) })
    assert.deepEqual(quiet.warnings, [])
    assert.ok(quiet.isPrivate)
  })

  test('the same torrent twice, or another under the same name, is refused', async (t) => {
    const world = await CatalogueWorld.open(t)
    await world.account('an')
    await world.catalogue.upload(MEMBER, { torrent: base64(madeTorrent({ name: 'a' }).bytes) })
    await assert.rejects(world.catalogue.upload(MEMBER, { torrent: base64(madeTorrent({ name: 'a' }).bytes), name: 'b' }), {
      code: 'ALREADY_SHARED',
    })
    await assert.rejects(world.catalogue.upload(MEMBER, { torrent: base64(madeTorrent({ name: 'c' }).bytes), name: 'a' }), {
      code: 'TAKEN',
    })
  })

  test('a crash between file and rows leaves nothing wrong', async (t) => {
    const world = await CatalogueWorld.open(t)
    await world.account('an')
    const torrent = madeTorrent({ name: 'a' })
    let isBroken = true
    const { database } = world
    const transaction = database.transaction.bind(database)
    Object.assign(database, {
      transaction: (work: Parameters<typeof transaction>[0]) =>
        transaction(async (trx) => {
          const outcome = await work(trx)
          if (isBroken) throw new Error('killed before the commit')
          return outcome
        }),
    })
    await assert.rejects(world.catalogue.upload(MEMBER, { torrent: base64(torrent.bytes) }), /killed/)
    isBroken = false
    const again = await world.reopened()
    assert.ok(!again.listed.has(torrent.infoHash))
    assert.deepEqual((await again.list({}, OWNER)).items, [])
    await again.upload(MEMBER, { torrent: base64(torrent.bytes) })
    world.pass(2 * DAY_MS)
    for (let folder = 0; folder < 256; folder++) await again.sweep()
    assert.equal(latin1((await again.shelf.download(torrent.infoHash, [])).bytes), latin1(torrent.bytes))
    await again.remove(OWNER, (await again.list({}, OWNER)).items[0]!.id)
    for (let folder = 0; folder < 256; folder++) await again.sweep()
    await again.upload(MEMBER, { torrent: base64(torrent.bytes) })
    assert.equal(latin1((await again.shelf.download(torrent.infoHash, [])).bytes), latin1(torrent.bytes))
  })
})

describe('changing', () => {
  test('whoever owns it changes it, others do not, moderators do and it is written down', async (t) => {
    const world = await CatalogueWorld.open(t)
    await world.account('an')
    const id = (await world.catalogue.upload(MEMBER, { torrent: base64(madeTorrent({ name: 'a.mp4' }).bytes), tags: ['old'] })).id
    const changed = await world.catalogue.change(MEMBER, id, { name: 'Bài giảng.mp4', tags: ['New'], description: 'x' })
    assert.deepEqual([changed.name, changed.tags, changed.description], ['Bài giảng.mp4', ['new'], 'x'])
    assert.deepEqual((await world.catalogue.list({ q: 'bai giang' }, GUEST)).items.length, 1)
    assert.deepEqual((await world.catalogue.list({ q: 'old' }, GUEST)).items.length, 0)
    assert.equal((await world.catalogue.change(MEMBER, id, { description: '' })).description, undefined)
    for (const stranger of [GUEST, caller('member', 'binh'), caller('member'), caller('member', 'an', ['feed'])]) {
      await assert.rejects(world.catalogue.change(stranger, id, { name: 'mine' }), { code: 'FORBIDDEN' })
      await assert.rejects(world.catalogue.remove(stranger, id), { code: 'FORBIDDEN' })
    }
    const moderator = caller('moderator', 'mod')
    await world.catalogue.change(moderator, id, { name: 'clean' })
    await world.catalogue.remove(moderator, id)
    await assert.rejects(world.catalogue.entry(id, OWNER), { code: 'NOT_FOUND' })
    const audit = await world.database.db.selectFrom('audit').select(['actor_name', 'action', 'detail']).orderBy('id').execute()
    assert.deepEqual(
      audit.map(({ actor_name, action, detail }) => `${actor_name} ${action}: ${detail}`),
      ['mod file.change: Bài giảng.mp4 of an', 'mod file.withdraw: clean of an'],
    )
    assert.deepEqual(
      world.events.map((event) => event.type),
      ['file-published', 'file-changed', 'file-changed', 'file-changed', 'file-withdrawn'],
    )
  })

  test('nobody changes an upload without an account but moderators', async (t) => {
    const world = await CatalogueWorld.open(t)
    const { id } = await world.catalogue.upload(caller('member'), { torrent: base64(madeTorrent().bytes) })
    await assert.rejects(world.catalogue.change(caller('member'), id, { name: 'x' }), {
      code: 'FORBIDDEN',
      message: /belongs to no account/,
    })
    await world.catalogue.change(OWNER, id, { name: 'x' })
  })

  test('not to a name that is in use there, and not to none', async (t) => {
    const world = await CatalogueWorld.open(t)
    const [one, two] = [await world.host('h1'), await world.host('h2')]
    const id = await world.publish(one, 'a')
    await world.publish(one, 'b')
    await world.publish(two, 'c')
    await assert.rejects(world.catalogue.change(OWNER, id, { name: 'B' }), { code: 'TAKEN' })
    await assert.rejects(world.catalogue.change(OWNER, id, { name: ' ' }), { code: 'VALIDATION' })
    await world.catalogue.change(OWNER, id, { name: 'A' })
    await world.catalogue.change(OWNER, id, { name: 'c' })
    await assert.rejects(world.catalogue.change(OWNER, 'nowhere', {}), { code: 'NOT_FOUND' })
  })
})

describe('one name', () => {
  test('is the content that has it; several different ones are told, with their hosts', async (t) => {
    const world = await CatalogueWorld.open(t)
    const [one, two, three] = [await world.host('h1'), await world.host('h2'), await world.host('h3')]
    await world.publish(one, 'lecture-04')
    await world.publish(two, 'Lecture-04', { name: 'lecture-04' })
    assert.equal(await world.catalogue.infoHashOf('LECTURE-04', MEMBER), madeTorrent({ name: 'lecture-04' }).infoHash)
    await world.publish(three, 'lecture-04', { seed: 'another one' })
    await assert.rejects(
      world.catalogue.infoHashOf('lecture-04', MEMBER),
      (error: { code: string; message: string; extras: { choices: { host: { ip?: string } }[] } }) => {
        assert.equal(error.code, 'AMBIGUOUS')
        assert.match(error.message, /^2 different files are named "lecture-04"/)
        assert.equal(error.extras.choices.length, 3)
        return error.extras.choices.every(({ host }) => host.ip === '10.0.0.7')
      },
    )
  })

  test('that nobody has is answered with close ones', async (t) => {
    const world = await CatalogueWorld.open(t)
    const host = await world.host('h1')
    for (const name of ['lecture-04', 'lecture-04-slides', 'holiday']) await world.publish(host, name)
    const expected = 'No file named "lecture-05" on class.example. Close: "lecture-04", "lecture-04-slides". (list_files shows all)'
    for (const asking of [world.catalogue.infoHashOf('lecture-05', GUEST), world.catalogue.list({ name: 'lecture-05' }, GUEST)]) {
      await assert.rejects(asking, { code: 'NOT_FOUND', message: expected })
    }
    await assert.rejects(world.catalogue.infoHashOf('zzzz', GUEST), {
      message: 'No file named "zzzz" on class.example. (list_files shows all)',
    })
    assert.equal((await world.catalogue.list({ name: 'Lecture-04' }, GUEST)).items.length, 1)
    assert.deepEqual((await world.catalogue.list({ name: 'lecture-04', host: 'h9' }, GUEST)).items, [])
  })
})

describe('torrents', () => {
  test('are handed out with the trackers of the hub, to the byte inside', async (t) => {
    const world = await CatalogueWorld.open(t)
    const torrent = madeTorrent({ name: 'a', trackers: [['http://elsewhere.example/announce']] })
    await world.catalogue.upload(caller('member'), { torrent: base64(torrent.bytes) })
    const { bytes, fileName } = await world.catalogue.shelf.download(torrent.infoHash, ['http://hub.example/a/key/announce'])
    assert.equal(fileName, 'a.torrent')
    assert.ok(latin1(bytes).includes(latin1(torrent.infoRaw)))
    assert.ok(latin1(bytes).includes('http://hub.example/a/key/announce') && !latin1(bytes).includes('elsewhere'))
    const magnet = await world.catalogue.shelf.magnet(torrent.infoHash, ['udp://hub.example:6880'])
    assert.equal(magnet, `magnet:?xt=urn:btih:${torrent.infoHash}&dn=a&xl=100000&tr=udp%3A%2F%2Fhub.example%3A6880`)
  })

  for (const [file, topics] of [
    ['v2-tree.torrent', /^magnet:\?xt=urn:btmh:1220[0-9a-f]{64}&dn=/],
    ['hybrid-tree.torrent', /^magnet:\?xt=urn:btih:[0-9a-f]{40}&xt=urn:btmh:1220[0-9a-f]{64}&dn=/],
  ] as const) {
    test(`of version 2 (${file}) keep their layers, and are listed under each of their hashes`, async (t) => {
      const world = await CatalogueWorld.open(t)
      const bytes = readFileSync(new URL(`../../../../fixtures/torrents/libtorrent/${file}`, import.meta.url))
      const { infoHash, infoHashV2 = '' } = await world.catalogue.upload(caller('member'), { torrent: base64(bytes) })
      assert.equal(infoHash === infoHashV2.slice(0, 40), file.startsWith('v2'))
      assert.ok(world.catalogue.listed.has(infoHash) && world.catalogue.listed.has(infoHashV2.slice(0, 40)))
      assert.match(await world.catalogue.shelf.magnet(infoHash, []), topics)
      const [before, after] = [bytes, (await world.catalogue.shelf.download(infoHash, ['http://hub.example/announce'])).bytes].map(
        (each) => {
          const outer = decodeBencode(each)
          assert.ok(outer instanceof BencodeDictionary)
          return [outer.getDictionary('info'), outer.getDictionary('piece layers')].map((part) => latin1(part!.raw))
        },
      )
      assert.deepEqual(after, before)
    })
  }

  test('tell who has which pieces, addresses only to members', async (t) => {
    const world = await CatalogueWorld.open(t)
    const host = await world.host('h1')
    await world.publish(host, 'a')
    const { infoHash } = madeTorrent({ name: 'a' })
    world.counts.set(infoHash, { seeds: 1, leechers: 1 })
    world.maps.set(infoHash, [{ host: { id: 'h1', name: 'peer-h1', ip: '10.0.0.7', port: 6881 }, map: '0-3' }])
    world.pass(1_000)
    const seen = await world.catalogue.shelf.holders(infoHash, MEMBER)
    assert.deepEqual(seen, {
      infoHash,
      name: 'a',
      pieceCount: 7,
      availability: { seeds: 1, leechers: 1, holders: 1, rarestCopies: 1, distributedCopies: 1.57 },
      holders: [{ peer: { id: 'h1', name: 'peer-h1', ip: '10.0.0.7', port: 6881, isOnline: true }, have: 4, map: '0-3', isExact: true }],
      copies: [2, 2, 2, 2, 1, 1, 1],
    })
    assert.deepEqual((await world.catalogue.shelf.holders(infoHash, GUEST)).holders[0]!.peer, { id: 'h1', name: 'peer-h1', isOnline: true })
  })

  test('tell their files, page by page', async (t) => {
    const world = await CatalogueWorld.open(t)
    const files = Array.from({ length: 5 }, (_, at) => ({ path: ['f', `${at}`], length: 1 }))
    const torrent = madeTorrent({ name: 'f', files })
    await world.catalogue.upload(caller('member'), { torrent: base64(torrent.bytes) })
    const first = await world.catalogue.shelf.filesIn(torrent.infoHash, { limit: 3 })
    assert.deepEqual([first.total, first.items[0]], [5, { path: ['f', '0'], length: 1 }])
    const second = await world.catalogue.shelf.filesIn(torrent.infoHash, { limit: 3, cursor: first.nextCursor! })
    assert.deepEqual([second.items.length, second.nextCursor], [2, undefined])
    await assert.rejects(world.catalogue.shelf.filesIn(torrent.infoHash, { cursor: 'x' }), { code: 'VALIDATION' })
  })
})

describe('news', () => {
  test('of how a torrent is held are told once a second, and only of what is listed', async (t) => {
    const world = await CatalogueWorld.open(t)
    await world.publish(await world.host('h1'), 'a')
    const { infoHash } = madeTorrent({ name: 'a' })
    world.counts.set(infoHash, { seeds: 2, leechers: 0 })
    world.pass(1_000)
    for (const each of [infoHash, infoHash, '00'.repeat(20)]) world.catalogue.news.touch(each)
    world.events.length = 0
    await world.catalogue.news.tell()
    await world.catalogue.news.tell()
    const availability = { seeds: 2, leechers: 0, holders: 0, rarestCopies: 2, distributedCopies: 2 }
    assert.deepEqual(world.events, [{ type: 'availability', infoHash, availability }])
  })
})

describe('sweeping', () => {
  test('entries of hosts that are long gone, and that nobody holds, are withdrawn', async (t) => {
    const world = await CatalogueWorld.open(t)
    const [gone, held, here] = [await world.host('gone'), await world.host('held'), await world.host('here')]
    await world.publish(gone, 'a')
    await world.publish(held, 'b')
    await world.publish(here, 'c')
    await world.catalogue.upload(caller('member'), { torrent: base64(madeTorrent({ name: 'd' }).bytes) })
    world.online.delete('gone')
    world.online.delete('held')
    world.counts.set(madeTorrent({ name: 'b' }).infoHash, { seeds: 0, leechers: 1 })
    world.pass(29 * DAY_MS)
    await world.catalogue.sweep()
    const names = async () => (await world.catalogue.list({ sort: 'name' }, GUEST)).items.map(({ name }) => name)
    assert.deepEqual(await names(), ['a', 'b', 'c', 'd'])
    world.pass(2 * DAY_MS)
    world.rules.forgetAfterDays = 0
    await world.catalogue.sweep()
    assert.deepEqual(await names(), ['a', 'b', 'c', 'd'])
    world.rules.forgetAfterDays = 30
    await world.catalogue.sweep()
    assert.deepEqual(await names(), ['b', 'c', 'd'])
    assert.deepEqual(world.events.at(-1)?.type, 'file-withdrawn')
  })

  test('a torrent goes when its last entry went with its host', async (t) => {
    const world = await CatalogueWorld.open(t)
    await world.publish(await world.host('h1'), 'a')
    await world.database.db.deleteFrom('hosts').where('id', '=', 'h1').execute()
    const { infoHash } = madeTorrent({ name: 'a' })
    assert.deepEqual(await world.catalogue.totals(), { files: 0, torrents: 1, bytes: 100_000 })
    assert.deepEqual((await world.catalogue.list({ q: 'a' }, GUEST)).items, [])
    await world.catalogue.sweep()
    assert.deepEqual(await world.catalogue.totals(), { files: 0, torrents: 0, bytes: 0 })
    assert.ok(!world.catalogue.listed.has(infoHash))
  })

  test('goes on where it stopped, and around', async (t) => {
    const world = await CatalogueWorld.open(t)
    const host = await world.host('held')
    for (let at = 0; at < 205; at++) {
      await world.publish(host, `f${at}`, { seed: `${at}`, length: 1 })
      if (at < 204) world.counts.set(madeTorrent({ name: `f${at}`, seed: `${at}`, length: 1 }).infoHash, { seeds: 1, leechers: 0 })
    }
    world.online.clear()
    world.pass(31 * DAY_MS)
    await world.catalogue.sweep()
    assert.equal((await world.catalogue.totals()).files, 205)
    await world.catalogue.sweep()
    assert.equal((await world.catalogue.totals()).files, 204)
    world.counts.clear()
    world.pass(1_000)
    for (let round = 0; round < 3; round++) await world.catalogue.sweep()
    assert.equal((await world.catalogue.totals()).files, 0)
  })
})
