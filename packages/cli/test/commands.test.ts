import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { ShoalWorld } from './shoal.ts'

const COMMANDS = ['share', 'get', 'up', 'hub', 'shell', 'create', 'seed', 'show', 'magnet']

describe('shoal', () => {
  const world = new ShoalWorld()
  after(() => world.close())

  test('says its version at once', async (t) => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
    assert.equal((await world.run('--version')).output, `${version}\n`)
    const begun = performance.now()
    await world.run('--version')
    t.diagnostic(`shoal --version took ${Math.round(performance.now() - begun)} ms`)
  })

  test('shows its commands, and how to share something', async () => {
    for (const words of [[], ['--help'], ['help']]) {
      const { status, output, messages } = await world.run(...words)
      assert.equal(status, 0)
      assert.equal(messages, '')
      for (const name of COMMANDS) assert.match(output, new RegExp(`^ {2}${name} `, 'm'))
      assert.match(output, /shoal seed lecture\.torrent/)
    }
  })

  for (const name of COMMANDS) {
    test(`${name} has help with examples that fit 80 columns`, async () => {
      const { status, output } = await world.run(name, '--help')
      assert.equal(status, 0)
      assert.match(output, new RegExp(`^Usage: shoal ${name} `))
      assert.match(output, new RegExp(`\nExamples:\n {2}shoal ${name}`))
      for (const line of output.split('\n')) assert.ok(line.length <= 80, line)
    })
  }
})

describe('bad input', { concurrency: 2 }, () => {
  const world = new ShoalWorld()
  before(() => {
    mkdirSync(world.path('folder'))
    writeFileSync(world.path('text.torrent'), 'this is not a torrent')
    writeFileSync(world.path('empty.torrent'), '')
    writeFileSync(world.path('there.torrent'), 'mine')
    writeFileSync(world.path('content'), 'some content')
  })
  after(() => world.close())

  const refused: readonly (readonly [code: string, ...words: string[]])[] = [
    ['USAGE', 'shwo', 'x'],
    ['USAGE', 'show'],
    ['USAGE', 'show', 'a', 'b'],
    ['USAGE', 'show', '--colour', 'x'],
    ['FILE_MISSING', 'show', 'nothing.torrent'],
    ['FILE_MISSING', 'show', 'content/nothing.torrent'],
    ['FILE_MISSING', 'show', 'http://example.com/a.torrent'],
    ['NOT_A_FILE', 'show', 'folder'],
    ['BENCODE_UNEXPECTED_BYTE', 'show', 'text.torrent'],
    ['BENCODE_TRUNCATED', 'show', 'empty.torrent'],
    ['MAGNET_NO_HASH', 'show', 'magnet:?dn=name'],
    ['MAGNET_HASH', 'show', 'magnet:?xt=urn:btih:1234'],
    ['FILE_MISSING', 'magnet', 'nothing.torrent'],
    ['FILE_MISSING', 'create', 'nothing'],
    ['FILE_EXISTS', 'create', 'content', '-o', 'there.torrent'],
    ['OPTION_INVALID', 'create', 'folder'],
    ['OPTION_INVALID', 'create', 'content', '--piece-length', '1000'],
    ['OPTION_INVALID', 'create', 'content', '--tracker', 'example.com'],
    ['OPTION_INVALID', 'create', 'content', '--web-seed', 'udp://example.com'],
    ['FILE_MISSING', 'seed', 'nothing.torrent'],
    ['OPTION_INVALID', 'seed', 'magnet:?xt=urn:btih:0123456789012345678901234567890123456789'],
    ['OPTION_INVALID', 'seed', 'text.torrent', '--port', '65536'],
    ['FILE_MISSING', 'get', 'nothing.torrent'],
    ['OPTION_INVALID', 'get', 'text.torrent', '--files', '0'],
    ['OPTION_INVALID', 'get', 'text.torrent', '--download-limit', 'fast'],
    ['OPTION_INVALID', 'get', 'text.torrent', '--peer', 'nobody'],
    ['MAGNET_HASH', 'get', 'magnet:?xt=urn:btih:xyz'],
    ['OPTION_INVALID', 'hub', '--port', 'many'],
  ]
  for (const [code, ...words] of refused) {
    test(`shoal ${words.join(' ')}`, async () => {
      const programs = await world.run(...words, '--json')
      assert.equal(programs.status, 2)
      assert.equal(programs.output, '')
      const { error } = JSON.parse(programs.messages) as { error: { code: string; message: string } }
      assert.equal(error.code, code)
      assert.ok(error.message.length > 10)
    })
  }

  test('is one line for people', async () => {
    const { status, output, messages } = await world.run('get', 'nothing.torrent')
    assert.equal(status, 2)
    assert.equal(output, '')
    assert.match(messages, /^shoal: Cannot read "nothing\.torrent": there is no such file\. .* \(FILE_MISSING\)\n$/)
  })

  test('leaves what is there as it is', () => {
    assert.equal(readFileSync(world.path('there.torrent'), 'utf8'), 'mine')
    assert.deepEqual(readdirSync(world.folder).sort(), ['content', 'empty.torrent', 'folder', 'text.torrent', 'there.torrent'])
  })
})

describe('create and show', () => {
  const world = new ShoalWorld()
  before(() => {
    mkdirSync(world.path('lecture', 'bài giảng'), { recursive: true })
    writeFileSync(world.path('lecture', 'bài giảng', '讲座.txt'), 'hello')
    writeFileSync(world.path('lecture', 'empty'), '')
    writeFileSync(world.path('lecture', 'video.bin'), new Uint8Array(100_000).fill(7))
  })
  after(() => world.close())

  const show = async (argument: string): Promise<Record<string, unknown>> => {
    const { status, output, messages } = await world.run('show', '--json', argument)
    assert.equal(messages, '')
    assert.equal(status, 0)
    assert.equal(output.split('\n').length, 2, 'one line')
    return JSON.parse(output) as Record<string, unknown>
  }

  test('a folder becomes a torrent that says what is in it', async () => {
    const words = ['--tracker', 'http://127.0.0.1:6880/announce', '--tracker', 'udp://127.0.0.1:6880', '--piece-length', '32KiB']
    const created = await world.run(
      'create',
      'lecture',
      ...words,
      '--private',
      '--comment',
      'week 4',
      '--web-seed',
      'http://127.0.0.1/files/',
    )
    assert.equal(created.status, 0, created.messages)
    const shown = await show('lecture.torrent')
    const { infoHashV1, magnet, ...rest } = shown
    assert.match(String(infoHashV1), /^[0-9a-f]{40}$/)
    assert.ok(created.output.includes(String(infoHashV1)))
    assert.deepEqual(rest, {
      version: 'v1',
      name: 'lecture',
      infoHashV2: null,
      pieceLength: 32_768,
      pieceCount: 4,
      totalSize: 100_005,
      private: true,
      files: [
        { path: 'lecture/bài giảng/讲座.txt', length: 5 },
        { path: 'lecture/empty', length: 0 },
        { path: 'lecture/video.bin', length: 100_000 },
      ],
      trackers: [['http://127.0.0.1:6880/announce'], ['udp://127.0.0.1:6880']],
      webSeeds: ['http://127.0.0.1/files/'],
    })
    assert.equal((await world.run('magnet', 'lecture.torrent')).output, `${String(magnet)}\n`)
  })

  test('the magnet link says what a link can say', async () => {
    const file = await show('lecture.torrent')
    const link = await show(String(file.magnet))
    assert.equal(link.infoHashV1, file.infoHashV1)
    assert.equal(link.name, 'lecture')
    assert.equal(link.totalSize, 100_005)
    assert.deepEqual(link.trackers, [['http://127.0.0.1:6880/announce'], ['udp://127.0.0.1:6880']])
    assert.equal(link.pieceCount, null)
    assert.deepEqual(link.files, [])
    assert.equal(link.magnet, file.magnet)
  })

  test('people see names, numbers and sizes', async () => {
    const { output } = await world.run('show', 'lecture.torrent')
    assert.match(output, /^ {2}lecture +97\.7 KiB\n {2}3 files · 4 pieces of 32 KiB · BitTorrent v1 · private/)
    assert.match(output, /^ {2}1 +5 B {2}lecture\/bài giảng\/讲座\.txt$/m)
    assert.match(output, /comment +"week 4"/)
  })

  test('padding lets each file begin with a piece, and keeps its number', async () => {
    await world.run('create', 'lecture', '-o', 'padded.torrent', '--pad', '--piece-length', '32768')
    const { files } = (await show('padded.torrent')) as { files: { path: string; length: number; pad?: true }[] }
    assert.deepEqual(
      files.map((file) => file.pad === true),
      [false, false, true, false],
    )
    assert.equal(files[2]?.length, 32_763)
    const { output } = await world.run('show', 'padded.torrent')
    assert.match(output, /^ {2}4 +97\.7 KiB {2}lecture\/video\.bin$/m)
    assert.doesNotMatch(output, /32\.0 KiB {2}/)
  })

  test('an existing .torrent gives way only to --force', async () => {
    const before = readFileSync(world.path('lecture.torrent'))
    assert.equal((await world.run('create', 'lecture')).status, 2)
    assert.deepEqual(readFileSync(world.path('lecture.torrent')), before)
    const { status, output } = await world.run('create', 'lecture', '--force', '--source', 'class', '--json')
    assert.equal(status, 0)
    const created = JSON.parse(output) as { file: string; infoHashV1: string }
    assert.equal((await show(created.file)).infoHashV1, created.infoHashV1)
    assert.notDeepEqual(readFileSync(world.path('lecture.torrent')), before)
  })

  test('a reader that goes away is no failure', async () => {
    const shoal = world.start('show', 'lecture.torrent')
    shoal.closeOutput()
    const { status, messages } = await shoal.ended
    assert.equal(messages, '')
    assert.equal(status, 0)
  })
})
