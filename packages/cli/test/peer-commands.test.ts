import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { FAKE_DAEMON_TOKEN, FAKE_ID, FakeDaemon, fakeHubItem, fakeTorrent } from './fake-daemon.ts'
import { FakeHub, fakeFile, fakePeer, fakePieces } from './fake-hub.ts'
import { ShoalWorld } from './shoal.ts'

describe('shoal and its peer', () => {
  const world = new ShoalWorld()
  const daemon = new FakeDaemon()
  const binh = fakePeer('binh', '192.168.1.12', 6881)
  before(async () => {
    const url = await daemon.listen()
    world.writeFile(['home', 'shoal', 'peer', 'url'], Buffer.from(`${url}\n${process.pid}\n`))
    world.writeFile(['home', 'shoal', 'peer', 'token'], Buffer.from(`${FAKE_DAEMON_TOKEN}\n`))
    world.writeFile(['lecture', 'a.txt'], Buffer.from('x'))
  })
  beforeEach(() => {
    daemon.torrents = [fakeTorrent('lecture-04')]
    daemon.hubs = [fakeHubItem('class')]
    daemon.publications = []
    daemon.told.length = 0
    daemon.events.length = 0
    daemon.hub = new FakeHub()
    daemon.hub.peers = [binh]
    daemon.hub.files = [fakeFile('lecture-04', binh)]
    daemon.hub.pieces = [fakePieces([[binh, 1_455, 'all']], [1])]
  })
  after(async () => {
    await world.close()
    daemon.close()
  })

  /** Verbs that show something, in both spellings: a table for a pipe, and one value for programs. */
  const SHOWS = ['list', 'hubs', 'list_files', 'list-peers', 'list_chunkinfo', 'settings', 'start', 'l', 'p', 'queue', 'shared']
  for (const verb of SHOWS) {
    test(`shoal ${verb} says the same to people and to programs`, async () => {
      const [plain, json] = await Promise.all([world.run(verb), world.run(verb, '--json')])
      assert.deepEqual([plain.status, plain.messages], [0, ''])
      assert.notEqual(plain.output, '')
      assert.equal(json.status, 0)
      assert.doesNotThrow(() => JSON.parse(json.output))
    })
  }

  test('a verb of several words is a command, with options and help', async () => {
    const { status, output } = await world.run('limit', 'lecture-04', '--up', '5MB')
    assert.equal(status, 0)
    assert.equal(output, 'limits of\t"lecture-04"\ndown\tno limit\nup\t5.00 MB/s\n')
    const help = await world.run('limit', '--help')
    assert.match(help.output, /Usage: shoal limit \[options\] \[torrent\.\.\.\]/)
    assert.match(help.output, /Examples:\n {2}shoal limit --up 5MB\n/)
  })

  test('the shell answers a pipe, goes on after a failure, and ends with its status', async () => {
    const { status, output, messages } = await world.talk('shell').type('hubs', 'fetsh x', 'stop lecture-04', 'exit', 'list').hangUp().ended
    assert.equal(status, 2)
    assert.match(output, /^name\taddress.*\nclass\t.*\nStopped "lecture-04": 888 MiB down, 38\.1 MiB up\. .*\n$/)
    assert.match(messages, /^shoal: There is no command "fetsh"\. Did you mean fetch\?/)
  })

  test('paths are of the folder in which one is', async () => {
    const { status } = await world.run('publish', 'lecture')
    assert.equal(status, 0)
    assert.deepEqual(daemon.told, [`POST /v1/publications {"path":${JSON.stringify(world.path('lecture'))},"hub":"id-class"}`])
  })

  test('refusals have the code of the daemon, and a status', async () => {
    const { status, messages } = await world.run('fetch', 'lecture-05')
    assert.equal(status, 1)
    assert.equal(messages, 'shoal: No file named "lecture-05". Close: "lecture-04". (list_files shows all) (NOT_FOUND)\n')
    const json = await world.run('pause', 'nothing', '--json')
    assert.equal((JSON.parse(json.messages) as { error: { code: string } }).error.code, 'NOT_FOUND')
    const unknown = await world.run('fetsh', 'x')
    assert.equal(unknown.status, 2)
    assert.match(unknown.messages, /Did you mean fetch\?/)
  })

  test('a password comes from a pipe, and is written nowhere', async () => {
    const { status, output } = await world.talk('login', 'an').type('correct horse').hangUp().ended
    assert.equal(status, 0)
    assert.equal(output, 'You are in as "an" (member) at "class".\n')
    assert.match(daemon.told[0]!, /session .*correct horse/)
  })

  test('get takes a name of the hub, waits for it, and leaves it to the peer', async () => {
    daemon.events.push({ type: 'torrents', changed: [fakeTorrent('x', { status: 'seeding', haveBytes: 1_525_678_080 })], removed: [] })
    daemon.torrents = []
    const { status, output } = await world.run('get', 'x', '--dir', 'in')
    assert.equal(status, 0)
    assert.match(output, /^"x" is here: 1\.42 GiB/)
    assert.deepEqual(daemon.told, [`POST /v1/fetches {"what":"x","destination":${JSON.stringify(world.path('in', 'x'))}}`])
    const refused = await world.run('get', 'x', '--sequential')
    assert.equal(refused.status, 2)
    assert.match(refused.messages, /Cannot use --sequential for "x".*OPTION_INVALID/)
  })

  test('share prints what one passes on', async () => {
    const { status, output } = await world.run('share', 'lecture', '--name', 'Lecture 4', '--qr')
    assert.equal(status, 0)
    assert.match(output, /^Lecture 4\t1\.42 GiB · 1,455 pieces of 1 MiB\nget it with\tshoal get "Lecture 4"\nlink\thttp:\/\/class\.example/)
    assert.match(output, new RegExp(`magnet\tmagnet:\\?xt=urn:btih:${FAKE_ID}\n`))
    assert.match(output, /[▀▄█]{8}/)
  })

  test('magnet and show take the name of a torrent where there is no such file', async () => {
    const { output } = await world.run('magnet', 'lecture-04')
    assert.equal(output, `magnet:?xt=urn:btih:${FAKE_ID}&dn=lecture-04\n`)
    assert.match((await world.run('show', 'lecture-04')).output, /^name\tlecture-04\nstatus\tdownloading\n/)
  })
})
