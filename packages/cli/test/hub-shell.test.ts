import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { FAKE_TOKEN, FakeHub, fakeFile, fakePeer } from './fake-hub.ts'
import { type RunningShoal, ShoalWorld } from './shoal.ts'

describe('shoal hub shell', () => {
  const world = new ShoalWorld()
  const hub = new FakeHub()
  const an = fakePeer('an', '192.168.1.10', 6881, 1)
  let url = ''
  before(async () => {
    url = await hub.listen()
    hub.peers = [an]
    hub.members = [{ id: 'm1', name: 'an', role: 'owner', createdAt: 1, lastSeenAt: 1, isBanned: false, files: 1, isOnline: true }]
    hub.files = [fakeFile('bài giảng 4', an)]
    world.writeFile(['home', 'shoal', 'hub', 'operator-token'], Buffer.from(`${FAKE_TOKEN}\n`))
    world.writeFile(['home', 'shoal', 'hub', 'url'], Buffer.from(`${url}\n`))
  })
  after(async () => {
    await world.close()
    hub.close()
  })

  test('finds the hub of this machine, as its operator, and answers a pipe', async () => {
    const { status, output, messages } = await world.talk('hub', 'shell').type('list_files', 'ping an', '', 'q', 'list_peers').hangUp()
      .ended
    assert.equal(messages, '')
    assert.equal(status, 0)
    assert.deepEqual(output.split('\n'), [
      'name\tsize\tpieces\tfrom\taddress\tcopies',
      'bài giảng 4\t1.42 GiB\t1,455\tan\t192.168.1.10:6881\t1.50',
      'an 192.168.1.10:6881 answered in 0.412 ms; its port takes connections.',
      '',
    ])
  })

  test('goes on after a failure, tells it apart, and ends with its status', async () => {
    const { status, output, messages } = await world.talk('hub', 'shell', '--json').type('ping nobody', 'pign', 'list_peers').hangUp().ended
    assert.equal(status, 1)
    assert.deepEqual(JSON.parse(output), [an])
    const codes = messages
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { error: { code: string } }).error.code)
    assert.deepEqual(codes, ['NOT_FOUND', 'USAGE'])
  })

  test('takes a password from the pipe, and writes it nowhere', async () => {
    const { status, output, messages } = await world.talk('hub', 'shell').type('register chi', 'correct horse').hangUp().ended
    assert.equal(status, 0)
    assert.equal(output, '"chi" has an account now, as member.\n')
    assert.equal(messages, '')
    assert.equal(hub.registered.at(-1)?.password, 'correct horse')
  })

  test('Ctrl-C ends it while something runs', async () => {
    const shell = world.talk('hub', 'shell').type('list_peers', 'watch')
    await shell.line(/closed the stream/)
    assert.equal((await shell.stop('SIGINT')).status, 130)
  })

  test('a reader that goes away is no failure', async () => {
    const shell = world.talk('hub', 'shell')
    shell.closeOutput()
    const { status, messages } = await shell.type('list_files', 'list_peers').hangUp().ended
    assert.equal(messages, '')
    assert.equal(status, 0)
  })

  test("sends the operator's token to no other hub", async () => {
    const elsewhere = new FakeHub()
    const other = await elsewhere.listen()
    for (const place of [other, 'https://hub.example', `http://127.0.0.1.example:${new URL(url).port}`]) {
      const { status, messages } = await world.talk('hub', 'shell', '--url', place).hangUp().ended
      assert.equal(status, 2)
      assert.match(messages, /^shoal: Cannot speak to ".*" without a token: .* \(OPTION_INVALID\)\n$/)
    }
    const { status } = await world.talk('hub', 'shell', '--url', other, '--token', FAKE_TOKEN).type('list_peers').hangUp().ended
    assert.equal(status, 0)
    elsewhere.close()
  })

  test('says that nobody is there, or that there never was a hub here', async () => {
    const { status, messages } = await world.talk('hub', 'shell', '--url', 'http://127.0.0.1:1', '--token', 'x').hangUp().ended
    assert.equal(status, 1)
    assert.match(messages, /^shoal: Cannot reach a hub at http:\/\/127\.0\.0\.1:1: .* \(HUB_UNREACHABLE\)\n$/)
    const empty = await world.talk('hub', 'shell', '--state', world.path('elsewhere')).hangUp().ended
    assert.equal(empty.status, 2)
    assert.match(empty.messages, /^shoal: No hub of yours runs on this machine: .* \(FILE_MISSING\)\n$/)
  })

  for (const words of [['shell'], ['config'], ['backup'], ['setup-link']]) {
    test(`hub ${words[0]} has help with examples that fit 80 columns`, async () => {
      const { status, output } = await world.run('hub', ...words, '--help')
      assert.equal(status, 0)
      assert.match(output, /\nExamples:\n {2}(?:echo \w+ \| )?shoal hub /)
      for (const line of output.split('\n')) assert.ok(line.length <= 80, line)
    })
  }

  test('hub config shows where each setting comes from', async () => {
    world.writeFile(['hub.toml'], Buffer.from('port = 7000\nname = "Lớp mạng"\n'))
    const { status, output } = await world.run('hub', 'config', '--config', 'hub.toml', '--name', 'class', '--json')
    assert.equal(status, 0)
    const settings = JSON.parse(output) as Record<string, { value: string; from: string }>
    assert.deepEqual(settings.name, { value: 'class', from: '--name' })
    assert.deepEqual(settings.port, { value: '7000', from: world.path('hub.toml') })
    assert.equal(settings.host?.from, 'default')
    const refused = await world.run('hub', 'config', '--port', 'many')
    assert.equal(refused.status, 2)
    assert.match(refused.messages, /OPTION_INVALID/)
  })
})

describe('a hub and its operator', () => {
  const world = new ShoalWorld()
  const file = world.path('home', 'shoal', 'hub', 'url')
  let hub: RunningShoal
  let port = 0
  before(async () => {
    hub = world.start('hub', '--port', '0', '--open', '--json')
    const ready = JSON.parse(await hub.line(/"event":"ready"/)) as { port: number; open: boolean; setup: string }
    port = ready.port
    assert.equal(ready.open, true)
    assert.ok(ready.setup.startsWith(`http://127.0.0.1:${port}/setup#`))
  })
  after(() => world.close())

  test('the hub leaves where it is reached, and the shell finds it', async () => {
    assert.equal(readFileSync(file, 'utf8'), `http://127.0.0.1:${port}\nhttp://127.0.0.1:${port}\n`)
    const { status, output, messages } = await world.talk('hub', 'shell').type('start --json', 'list_peers').hangUp().ended
    assert.equal(messages, '')
    assert.equal(status, 0)
    const [start = '', header] = output.split('\n')
    assert.equal((JSON.parse(start) as { url: string }).url, `http://127.0.0.1:${port}`)
    assert.match(header ?? '', /^name\taddress\t/)
  })

  test('setup-link makes a new link; the first account that is registered owns the hub, and then there are no links', async () => {
    const { status, output } = await world.run('hub', 'setup-link')
    assert.equal(status, 0)
    assert.match(output, new RegExp(`^http://127\\.0\\.0\\.1:${port}/setup#[\\w-]{20,}\n$`))
    const registered = await world
      .talk('hub', 'shell')
      .type('register an', 'correct horse', 'register binh', 'correct horse', 'members')
      .hangUp().ended
    assert.equal(registered.messages, '')
    assert.match(registered.output, /^"an" has an account now, as owner\.\n"binh" has an account now, as member\.\n/)
    assert.match(registered.output, /\nan\towner\t0\t.*\nbinh\tmember\t0\t/)
    const late = await world.run('hub', 'setup-link')
    assert.equal(late.status, 1)
    assert.equal(late.output, '')
  })

  test('backup copies a hub that runs into a new file, and into no other', async () => {
    const { status, output, messages } = await world.run('hub', 'backup', 'copy.db')
    assert.equal(messages, '')
    assert.equal(status, 0)
    assert.match(output, /^Backed up .* to copy\.db\n$/)
    assert.ok(statSync(world.path('copy.db')).size > 0)
    const again = await world.run('hub', 'backup', 'copy.db')
    assert.equal(again.status, 1)
    assert.match(again.messages, /BACKUP_FAILED/)
  })

  test('a second hub does not take over what the first one remembers', async () => {
    const { status, messages } = await world.run('hub', '--port', '0')
    assert.equal(status, 1)
    assert.match(messages, /^shoal: .* \(STATE_IN_USE\)\n$/)
    assert.ok(existsSync(file))
  })

  test('what was left is gone with the hub', async () => {
    assert.equal((await hub.stop('SIGTERM')).status, 0)
    assert.ok(!existsSync(file))
  })
})
