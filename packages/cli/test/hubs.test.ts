import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import { decodePieceMap, encodePieceMap } from '@shoal/api/piece-map'
import { ProblemError } from '@shoal/api/problem'
import { createTorrent } from '@shoal/engine/create-torrent'
import { type Hub, type HubOptions, startHub } from '@shoal/hub'
import { Bitfield } from '@shoal/protocol/bitfield'
import { HubPeer, until } from './hub-peer.ts'
import { Dice } from './noise.ts'

/** Two seconds on a machine that has nothing else to do. */
const LATE_MS = 5_000
const PASSWORD = 'a sentence that nobody guesses'

/** Bytes that do not repeat themselves, the same for the same seed. */
function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  new Dice(seed).fill(bytes)
  return bytes
}

/** A torrent that no hub has to do with. */
async function foreignTorrent(peer: HubPeer): Promise<Uint8Array> {
  return (await createTorrent(await peer.write('foreign.bin', noise(50_000, 99)))).bytes
}

async function openHub(context: TestContext, options: HubOptions = {}): Promise<Hub> {
  const hub = await startHub({ port: 0, onBug: (bug) => assert.fail(bug as Error), ...options })
  context.after(() => hub.close())
  return hub
}

async function openPeer(context: TestContext, name: string, hub?: Hub): Promise<HubPeer> {
  const peer = await HubPeer.start(name)
  context.after(() => peer.close())
  if (hub !== undefined) {
    const { status } = await peer.hubs.connectHub({ url: `127.0.0.1:${hub.httpPort}` })
    assert.equal(status, 'connected')
  }
  return peer
}

async function isRefused(call: Promise<unknown>, code: string, words: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ProblemError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, words)
    return true
  })
}

async function ownersToken(hub: Hub): Promise<string> {
  const code = hub.setupLink?.split('#')[1]
  const answer = await fetch(`${hub.url}/v1/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, name: 'olga', password: PASSWORD }),
  })
  return ((await answer.json()) as { token: string }).token
}

describe('the hubs of a peer', () => {
  test('one publishes, another fetches by name and becomes a holder, and the first may leave', async (context) => {
    const hub = await openHub(context)
    const [an, binh] = [await openPeer(context, 'an', hub), await openPeer(context, 'binh', hub)]
    const bytes = noise(3_000_000)
    const path = await an.write('lecture.bin', bytes)
    const shared = await an.hubs.publish({ path, name: 'lecture-04', description: 'Week four', tags: ['video'] })
    assert.deepEqual([shared.isKnown, shared.mayLeave, shared.size, shared.path], [true, false, 3_000_000, path])
    assert.match(shared.link, /\/s\/[\w-]+$/)
    assert.match(shared.magnet, /^magnet:\?xt=urn:btih:/)

    const item = await binh.hubs.fetch({ what: 'lecture-04' })
    assert.equal(item.id, shared.torrentId)
    await binh.session.get(item.id)?.whenDone()
    assert.ok((await readFile(binh.path('Downloads', 'lecture-04'))).equals(bytes))

    await until(async () => (await an.hubs.listPublications())[0]?.mayLeave === true, 'the publisher hears that it may leave')
    const isTold = () => an.events.some((event) => event.type === 'log' && /you may go off line/.test(event.line.text))
    await until(isTold, 'the hub says so, too')
    const { holders } = await an.hubs.listHolders(shared.torrentId)
    assert.deepEqual(holders.map(({ peer, map }) => `${peer.name} ${map}`).toSorted(), ['an all', 'binh all'])
    assert.deepEqual(
      an.events
        .filter(({ type }) => type === 'creation')
        .map((event) => event.type === 'creation' && event.creation.status)
        .at(-1),
      'done',
    )
  })

  test('a link of the hub, an info hash and another destination lead to the same', async (context) => {
    const hub = await openHub(context)
    const an = await openPeer(context, 'an', hub)
    const bytes = noise(100_000)
    const shared = await an.hubs.publish({ path: await an.write('a.bin', bytes) })
    for (const [index, what] of [shared.link, shared.torrentId, `${hub.url}/s/a.bin`].entries()) {
      const peer = await openPeer(context, `peer ${index}`, hub)
      const item = await peer.hubs.fetch({ what, destination: peer.path('there', 'b.bin') })
      await peer.session.get(item.id)?.whenDone()
      assert.ok((await readFile(peer.path('there', 'b.bin'))).equals(bytes))
    }
  })

  test('every refusal has its own code and says what to do', async (context) => {
    const hub = await openHub(context)
    const [an, binh, lone] = [await openPeer(context, 'an', hub), await openPeer(context, 'binh', hub), await openPeer(context, 'lone')]
    const path = await an.write('one.bin', noise(50_000, 10))
    await isRefused(lone.hubs.publish({ path }), 'NOT_CONNECTED', /connect <address>/)
    await isRefused(lone.hubs.fetch({ what: 'one.bin' }), 'NOT_CONNECTED', /connect <address>/)
    await isRefused(lone.hubs.fetch({ what: `${hub.url}/s/one.bin` }), 'NOT_CONNECTED', /connect http:/)
    const gone = await startHub({ port: 0 })
    await gone.close()
    await isRefused(lone.hubs.connectHub({ url: gone.url }), 'NOT_CONNECTED', /nothing listens there/)
    assert.deepEqual(await lone.hubs.listHubs(), [])
    await isRefused(an.hubs.publish({ path: an.path('nothing') }), 'PATH_MISSING', /nothing there/)
    await isRefused(an.hubs.publish({ path: 'one.bin' }), 'VALIDATION', /whole path/)
    await isRefused(an.hubs.fetch({ what: 'one.bin', destination: 'there' }), 'NOT_FOUND', /No file named/)
    await an.hubs.publish({ path })
    await isRefused(binh.hubs.fetch({ what: 'one.bin', destination: 'there' }), 'VALIDATION', /whole path/)
    await isRefused(an.hubs.publish({ path, name: 'other' }), 'ALREADY_SHARED', /as "one\.bin".*unpublish/)
    await isRefused(an.hubs.publish({ path: await an.write('two.bin', noise(50_000, 11)), name: 'ONE.bin' }), 'TAKEN', /Choose another/)
    await isRefused(an.hubs.publish({ path: await an.write('x', noise(9)), name: 'a/b' }), 'VALIDATION', /cannot be the name/)
    await isRefused(an.hubs.fetch({ what: 'one.bin' }), 'OWN_FILE', /shares "one\.bin" itself/)
    await isRefused(binh.hubs.fetch({ what: 'one.bim' }), 'NOT_FOUND', /Close: "one\.bin"/)
    await writeFile(binh.path('Downloads', 'one.bin'), 'mine')
    await isRefused(binh.hubs.fetch({ what: 'one.bin' }), 'DESTINATION_EXISTS', /Choose another destination/)
    await isRefused(
      binh.hubs.fetch({ what: 'one.bin', destination: binh.path('Downloads') }),
      'DESTINATION_EXISTS',
      /such as .*Downloads\/one\.bin/,
    )
    assert.equal(await readFile(binh.path('Downloads', 'one.bin'), 'utf8'), 'mine')
    await binh.hubs.publish({ path: await binh.write('one.bin', noise(60_000, 12)) })
    const chi = await openPeer(context, 'chi', hub)
    await isRefused(chi.hubs.fetch({ what: 'one.bin' }), 'AMBIGUOUS', /2 different files .*--from/)
    await isRefused(chi.hubs.fetch({ what: 'one.bin', from: 'dung' }), 'NOT_FOUND', /Nobody at "dung"/)
    await isRefused(chi.hubs.unpublish('one.bin'), 'NOT_FOUND', /shares nothing/)
    const self = { ip: '127.0.0.1', port: an.session.listenPort }
    await isRefused(an.hubs.pingPeer(self), 'PING_SELF', /itself/)
    await isRefused(an.hubs.discover({ ip: '127.0.0.1', port: 9 }), 'NOT_FOUND', /Connected are/)
    assert.equal((await binh.hubs.pingPeer(self)).isReachable, true)
    assert.deepEqual(
      (await an.hubs.discover(self)).map(({ name }) => name),
      ['one.bin'],
    )
  })

  test('two peers publish one name at the same moment: the name is free on each; on one host only once', async (context) => {
    const hub = await openHub(context)
    const [an, binh] = [await openPeer(context, 'an', hub), await openPeer(context, 'binh', hub)]
    const [one, two, three] = [
      await an.write('1', noise(70_000, 1)),
      await binh.write('2', noise(70_000, 2)),
      await an.write('3', noise(70_000, 3)),
    ]
    const outcomes = await Promise.allSettled([
      an.hubs.publish({ path: one, name: 'same' }),
      binh.hubs.publish({ path: two, name: 'same' }),
      an.hubs.publish({ path: three, name: 'Same' }),
    ])
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [(outcome.reason as ProblemError).code] : []))
    assert.deepEqual(refused, ['CONFLICT'])
    await isRefused(an.hubs.publish({ path: three, name: 'Same' }), 'TAKEN', /Choose another/)
    assert.equal((await an.hubs.listHubFiles({ name: 'same' })).items.length, 2)
  })

  test('from one peer only: no tracker is asked and nobody else is met, until it is complete', async (context) => {
    const hub = await openHub(context)
    const [an, binh, chi] = [await openPeer(context, 'an', hub), await openPeer(context, 'binh', hub), await openPeer(context, 'chi', hub)]
    const bytes = noise(2_000_000)
    await an.hubs.publish({ path: await an.write('f', bytes) })
    await binh.hubs.publish({ path: await binh.write('f', bytes) })
    const met: number[] = []
    chi.session.on('torrent-added', (torrent) => torrent.on('peer-connected', ({ port }) => void met.push(port)))
    const item = await chi.hubs.fetch({ what: 'f', from: 'binh' })
    await chi.session.get(item.id)?.whenDone()
    assert.deepEqual(met, [binh.session.listenPort])
    await until(async () => (await chi.daemon.desk.listTrackers(item.id)).some(({ url }) => url.startsWith(hub.url)), 'it joins the swarm')
  })

  test('what came as a file and is announced on the hub counts there, too; nothing else is told of', async (context) => {
    const hub = await openHub(context)
    const [an, binh] = [await openPeer(context, 'an', hub), await openPeer(context, 'binh', hub)]
    const { torrentId } = await an.hubs.publish({ path: await an.write('web.bin', noise(100_000)) })
    const { id } = await an.daemon.shelf.place({ metainfo: await foreignTorrent(an), dir: an.path('own'), skipCheck: true })
    const file = Buffer.from(await (await fetch(`${hub.url}/v1/torrents/${torrentId}/file`)).arrayBuffer())
    await binh.daemon.desk.addTorrent({ metainfo: file.toString('base64') })
    await until(async () => (await an.hubs.listHolders(torrentId)).holders.length === 2, 'both are holders')
    assert.ok(an.said.some((text) => text.includes('"pieces"')) && !an.said.some((text) => text.includes(id)))
  })

  test('a fetch that was interrupted goes on where it was', async (context) => {
    const hub = await openHub(context)
    const [an, binh] = [await openPeer(context, 'an', hub), await openPeer(context, 'binh', hub)]
    const bytes = noise(3_000_000)
    await an.hubs.publish({ path: await an.write('long.bin', bytes) })
    an.session.setUploadRate(1_000_000)
    const { id } = await binh.hubs.fetch({ what: 'long.bin' })
    await until(() => (binh.daemon.shelf.find(id)?.haveBytes ?? 0) > 0, 'the first piece comes')
    await binh.daemon.desk.actOnTorrent(id, 'pause')
    const path = binh.path('elsewhere')
    await isRefused(binh.hubs.fetch({ what: 'long.bin', destination: path }), 'CONFLICT', /Downloads\/long\.bin" already/)
    await binh.stop()
    await binh.open()
    an.session.setUploadRate(Number.POSITIVE_INFINITY)
    assert.equal((await binh.hubs.fetch({ what: 'long.bin' })).id, id)
    await until(() => binh.daemon.shelf.find(id)?.haveBytes === bytes.length, 'it is complete')
    assert.ok((await readFile(binh.path('Downloads', 'long.bin'))).equals(bytes))
    await isRefused(binh.hubs.fetch({ what: 'long.bin' }), 'DESTINATION_EXISTS', /here already, whole/)
  })

  test('unpublished is unpublished, though the hub is away, and the content stays', async (context) => {
    const hub = await openHub(context)
    const an = await openPeer(context, 'an', hub)
    const path = await an.write('gone.bin', noise(40_000))
    const { torrentId } = await an.hubs.publish({ path })
    await an.hubs.unpublish('GONE.bin')
    assert.deepEqual([(await an.hubs.listHubFiles({})).items.length, (await an.hubs.listPublications()).length], [0, 0])
    assert.equal(an.session.get(torrentId), undefined)
    assert.equal((await stat(path)).size, 40_000)
    await an.hubs.publish({ path })
    // somebody removes the torrent: then it is not shared any more either
    await an.daemon.desk.removeTorrent(torrentId, { data: 'keep' })
    await until(async () => (await an.hubs.listHubFiles({})).items.length === 0, 'the hub hears of it')
  })
})

describe('a fetch from several holders', () => {
  test('uses the whole and the halves; one leaves in the middle; the hub knows soon who has what', async (context) => {
    const hub = await openHub(context)
    const names = ['an', 'binh', 'chi', 'dung'] as const
    const [an, binh, chi, dung] = (await Promise.all(names.map((name) => openPeer(context, name, hub)))) as [
      HubPeer,
      HubPeer,
      HubPeer,
      HubPeer,
    ]
    const [first, second] = [noise(4_000_000, 1), noise(4_000_000, 2)]
    await an.write('set/1.bin', first)
    await an.write('set/2.bin', second)
    const { torrentId: id, pieceCount } = await an.hubs.publish({ path: an.path('own', 'set') })
    for (const [peer, unwanted] of [
      [binh, 1],
      [chi, 0],
    ] as const) {
      peer.session.setDownloadRate(1_000)
      await peer.hubs.fetch({ what: 'set' })
      await peer.daemon.desk.changeTorrent(id, { priorities: [{ index: unwanted, priority: 0 }] })
      peer.session.setDownloadRate(Number.POSITIVE_INFINITY)
      await until(() => peer.daemon.shelf.find(id)?.status === 'finished', `${peer.name} has its half`)
    }
    const rates = [600_000, 1_200_000, 1_200_000]
    for (const [index, peer] of [an, binh, chi].entries()) peer.session.setUploadRate(rates[index]!)
    await dung.hubs.fetch({ what: 'set' })
    const had: { at: number; count: number }[] = []
    let hasLeft = false
    let late = 0
    await until(async () => {
      const item = dung.daemon.shelf.find(id)
      const now = performance.now()
      // A map of many spans tells whole buckets only.
      const map = encodePieceMap(dung.daemon.shelf.piecesOf(id) ?? Bitfield.empty(pieceCount))
      had.push({ at: now, count: decodePieceMap(map, pieceCount)?.count ?? 0 })
      const { holders } = await binh.hubs.listHolders(id)
      const known = holders.find(({ peer }) => peer.name === 'dung')?.have ?? 0
      const before = had.findLast(({ at }) => at <= now - LATE_MS)?.count ?? 0
      if (known < before) late++
      if (!hasLeft && (item?.haveBytes ?? 0) > 2_000_000) {
        hasLeft = true
        await an.stop()
      }
      return item?.haveBytes === 8_000_000
    }, 'it is complete')
    assert.ok(hasLeft)
    assert.equal(late, 0)
    assert.ok((await readFile(dung.path('Downloads', 'set', '1.bin'))).equals(first))
    assert.ok((await readFile(dung.path('Downloads', 'set', '2.bin'))).equals(second))
    const given = [binh, chi].map((peer) => peer.daemon.shelf.find(id)?.uploaded ?? 0)
    assert.ok(
      given.every((bytes) => bytes > 500_000),
      given.join(),
    )
    await until(
      async () => (await binh.hubs.listHolders(id)).holders.some(({ peer, have }) => peer.name === 'dung' && have === pieceCount),
      'all',
    )
  })
})

describe('a hub that goes and comes back', () => {
  test('gets what it has lost; transfers do not notice', async (context) => {
    const first = await startHub({ port: 0 })
    const port = first.httpPort
    const [an, binh] = [await openPeer(context, 'an', first), await openPeer(context, 'binh', first)]
    const shared = await an.hubs.publish({ path: await an.write('big.bin', noise(4_000_000)) })
    binh.session.setDownloadRate(1_000_000)
    const item = await binh.hubs.fetch({ what: 'big.bin' })
    await first.close()
    await until(async () => (await an.hubs.listHubs())[0]?.status === 'away', 'the hub is away')
    const [away] = await an.hubs.listHubs()
    assert.match(away?.detail ?? '', /tried again in \d+ s/)
    binh.session.setDownloadRate(Number.POSITIVE_INFINITY)
    await binh.session.get(item.id)?.whenDone()
    // What is shared meanwhile it hears of later.
    const meanwhile = await an.hubs.publish({ path: await an.write('late.bin', noise(30_000, 13)) })
    assert.equal(meanwhile.isKnown, false)
    await isRefused(an.hubs.listHubFiles({}), 'NOT_CONNECTED', /nothing listens|closed/)

    const second = await startHub({ port })
    context.after(() => second.close())
    await until(async () => (await an.hubs.listPublications()).every(({ isKnown }) => isKnown), 'the hub knows again')
    const { items } = await an.hubs.listHubFiles({ sort: 'name' })
    assert.deepEqual(
      items.map(({ name }) => name),
      ['big.bin', 'late.bin'],
    )
    await until(async () => (await an.hubs.listHolders(shared.torrentId)).holders.length === 2, 'the hub knows who has it')
    assert.deepEqual(an.notices, [])
  })

  test('knows a peer again that has started anew, with what it shares', async (context) => {
    const hub = await openHub(context)
    const an = await openPeer(context, 'an', hub)
    await an.hubs.publish({ path: await an.write('kept.bin', noise(20_000)) })
    const [before] = await an.hubs.listHubPeers()
    await an.stop()
    await an.open()
    await until(async () => (await an.hubs.listPublications())[0]?.isKnown === true, 'the hub says that it lists it')
    const peers = await an.hubs.listHubPeers()
    assert.deepEqual(
      peers.map(({ id }) => id),
      [before?.id],
    )
    assert.equal((await an.hubs.listHubFiles({})).items.length, 1)
    await isRefused(an.hubs.fetch({ what: 'kept.bin' }), 'OWN_FILE', /itself/)
  })
})

describe('accounts of hubs', () => {
  test('a members-only hub refuses who has none, takes who registers, and torrents for it are private', async (context) => {
    const hub = await openHub(context, { settings: { visitors: 'none', registration: 'open' } })
    const an = await openPeer(context, 'an')
    const refused = await an.hubs.connectHub({ url: hub.url })
    assert.deepEqual([refused.status, refused.isDefault], ['refused', true])
    assert.match(refused.detail ?? '', /Sign in: login/)
    const path = await an.write('secret.bin', noise(90_000))
    await isRefused(an.hubs.publish({ path }), 'NOT_SIGNED_IN', /login/)
    await isRefused(an.hubs.signIn(refused.id, { name: 'an', password: PASSWORD }), 'CREDENTIALS', /./)
    const item = await an.hubs.register(refused.id, { name: 'an', password: PASSWORD })
    assert.deepEqual([item.status, item.account?.name], ['connected', 'an'])
    const shared = await an.hubs.publish({ path })
    const { items } = await an.hubs.listHubFiles({})
    assert.deepEqual([items[0]?.isPrivate, items[0]?.owner?.name], [true, 'an'])

    const binh = await openPeer(context, 'binh')
    const { id } = await binh.hubs.connectHub({ url: hub.url })
    await binh.hubs.register(id, { name: 'binh', password: PASSWORD })
    const got = await binh.hubs.fetch({ what: 'secret.bin' })
    await binh.session.get(got.id)?.whenDone()
    assert.ok((await readFile(binh.path('Downloads', 'secret.bin'))).equals(noise(90_000)))

    // No token and no key is in anything that is shown, told or left where others read.
    const state = await readFile(an.path('peer', 'hubs.json'), 'utf8')
    const { hubs } = JSON.parse(state) as { hubs: { token: string; announceUrls: string[] }[] }
    const shown = JSON.stringify([an.events, an.notices, await an.hubs.listHubs(), await an.hubs.listPublications()])
    const keys = [hubs[0]!.token, ...hubs[0]!.announceUrls]
    for (const secret of keys) assert.ok(!shown.includes(secret))
    assert.ok(!shared.magnet.includes(encodeURIComponent(keys[1]!)))

    const out = await an.hubs.signOut(id)
    assert.deepEqual([out.status, out.account], ['refused', undefined])
    await isRefused(an.hubs.listHubFiles({}), 'NOT_SIGNED_IN', /./)
    const again = await an.hubs.signIn(id, { name: 'an', password: PASSWORD })
    assert.equal(again.status, 'connected')
    await until(async () => (await an.hubs.listPublications())[0]?.isKnown === true, 'the hub still lists it')
  })

  test('an account that is banned is told, and what to do', async (context) => {
    const hub = await openHub(context, { settings: { visitors: 'none', registration: 'open' } })
    const owner = await ownersToken(hub)
    const an = await openPeer(context, 'an')
    const { id } = await an.hubs.connectHub({ url: hub.url })
    await an.hubs.register(id, { name: 'an', password: PASSWORD })
    const headers = { authorization: `Bearer ${owner}`, 'content-type': 'application/json' }
    const { items } = (await (await fetch(`${hub.url}/v1/members`, { headers: { authorization: headers.authorization } })).json()) as {
      items: { id: string; name: string }[]
    }
    const member = items.find(({ name }) => name === 'an')
    await fetch(`${hub.url}/v1/members/${member?.id}`, { method: 'PATCH', headers, body: JSON.stringify({ isBanned: true }) })
    await until(async () => (await an.hubs.listHubs())[0]?.status === 'refused', 'the peer hears of it')
    assert.match((await an.hubs.listHubs())[0]?.detail ?? '', /\. Sign in: login|Ask whoever/)
  })

  test('what a hub allows is looked at again, and hubs of one name are told apart by their addresses', async (context) => {
    const [one, two] = [await openHub(context, { settings: { visitors: 'guest' } }), await openHub(context)]
    const token = await ownersToken(one)
    const an = await openPeer(context, 'an', one)
    await an.hubs.connectHub({ url: two.url })
    const path = await an.write('a.bin', noise(20_000))
    await isRefused(an.hubs.publish({ path }), 'NOT_SIGNED_IN', /login/)
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    await fetch(`${one.url}/v1/settings`, { method: 'PATCH', headers, body: JSON.stringify({ visitors: 'member' }) })
    assert.equal((await an.hubs.publish({ path })).isKnown, true)
    await isRefused(an.hubs.listHubFiles({}, 'shoal HUB'), 'AMBIGUOUS', /Choose by address: http/)
    assert.equal((await an.hubs.listHubFiles({}, `127.0.0.1:${two.httpPort}`)).items.length, 0)
  })

  test('several hubs at once: each has its own entries, one is the default', async (context) => {
    const [one, two] = [await openHub(context, { settings: { name: 'one' } }), await openHub(context, { settings: { name: 'two' } })]
    const an = await openPeer(context, 'an', one)
    const path = await an.write('both.bin', noise(20_000))
    await an.hubs.connectHub({ url: two.url })
    assert.deepEqual(
      (await an.hubs.listHubs()).map(({ name, isDefault }) => [name, isDefault]),
      [
        ['one', true],
        ['two', false],
      ],
    )
    await an.hubs.publish({ path })
    await an.hubs.publish({ path, hub: 'two' })
    const [torrent] = await an.daemon.desk.listTorrents()
    assert.deepEqual(
      torrent?.publications.map(({ name }) => name),
      ['both.bin', 'both.bin'],
    )
    const trackers = (await an.daemon.desk.listTrackers(torrent?.id ?? '')).map(({ url }) => url)
    assert.ok(
      [one, two].every((each) => trackers.some((url) => url.startsWith(each.url))),
      trackers.join(),
    )
    assert.equal((await an.hubs.listHubFiles({}, 'two')).items.length, 1)
    await an.hubs.connectHub({ url: two.url, isDefault: true })
    const [first] = await an.hubs.listHubs()
    await an.hubs.forgetHub(first!.id)
    assert.deepEqual(
      (await an.hubs.listHubs()).map(({ name, isDefault }) => [name, isDefault]),
      [['two', true]],
    )
    assert.equal((await (await fetch(`${one.url}/v1/files`)).text()).includes('both.bin'), false)
    assert.equal(an.session.torrents.length, 1)
    await isRefused(an.hubs.listHubFiles({}, 'one'), 'NOT_CONNECTED', /not connected to "one"/)
  })
})
