import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { isAlive } from '../src/daemon-http/running-daemon.ts'
import { ShoalWorld } from './shoal.ts'

interface Status {
  readonly running: boolean
  readonly pid: number
  readonly url: string
}

/** On any port, so that tests that run at the same time do not meet. */
const ANYWHERE = ['--port', '0', '--peer-port', '0'] as const

describe('shoal daemon', () => {
  let world: ShoalWorld
  const peerFile = (name: string): string => world.path('home', 'shoal', 'peer', name)
  const statusOf = async (): Promise<Status> => JSON.parse((await world.run('daemon', 'status', '--json')).output) as Status

  before(() => {
    world = new ShoalWorld()
  })
  after(async () => {
    await world.run('daemon', 'stop')
    await world.close()
  })

  test('says that it does not run, and how to start it', async () => {
    const { status, output } = await world.run('daemon', 'status')
    assert.equal(status, 1)
    assert.match(output, /does not run. Start it with: shoal daemon start/)
    assert.equal((await statusOf()).running, false)
    const stop = await world.run('daemon', 'stop')
    assert.deepEqual([stop.status, stop.output], [0, 'It does not run\n'])
  })

  test('starts once, however many ask for it at once, and outlives them', async () => {
    const outcomes = await Promise.all([0, 1, 2].map(() => world.run('daemon', 'start', ...ANYWHERE, '--json')))
    assert.deepEqual(
      outcomes.map(({ status, messages }) => [status, messages]),
      outcomes.map(() => [0, '']),
    )
    const pids = outcomes.map(({ output }) => (JSON.parse(output) as Status).pid)
    assert.equal(new Set(pids).size, 1)
    assert.equal((await statusOf()).pid, pids[0])
    assert.match((await world.run('daemon', 'start')).output, /^It runs already: process \d+/)
    for (const name of ['token', 'url', 'daemon.log']) assert.equal(statSync(peerFile(name)).mode & 0o777, 0o600, name)
    assert.match((await world.run('daemon', 'logs')).output, /Ready: process \d+/)
  })

  test('refuses a second one on the same state, and says which has it', async () => {
    const { status, messages } = await world.run('daemon', 'start', '--foreground', ...ANYWHERE)
    assert.equal(status, 1)
    assert.match(messages, /another daemon \(process \d+\) uses .*STATE_IN_USE/)
  })

  test('stops when it is asked to, and leaves no address', async () => {
    const { pid } = await statusOf()
    const { status, output } = await world.run('daemon', 'stop')
    assert.deepEqual([status, output], [0, 'Stopped\n'])
    assert.equal(existsSync(peerFile('url')), false)
    assert.equal((await statusOf()).running, false)
    assert.match((await world.run('daemon', 'logs', '--lines', '2')).output, /Stopping\n.*Stopped\n$/)
    assert.notEqual(pid, undefined)
  })

  test('is started again after it was killed; what listens at its address now is not shown the token', async () => {
    const killed = JSON.parse((await world.run('daemon', 'start', ...ANYWHERE, '--json')).output) as Status
    process.kill(killed.pid, 'SIGKILL')
    while (isAlive(killed.pid)) await new Promise((resolve) => void setImmediate(resolve))
    const { port } = new URL(killed.url)
    let heard = 0
    const stranger = createServer((socket) => {
      heard++
      socket.destroy()
    })
    await new Promise<void>((resolve, reject) => {
      stranger.once('error', reject)
      stranger.listen(Number(port), '127.0.0.1', resolve)
    })
    try {
      const started = JSON.parse((await world.run('daemon', 'start', ...ANYWHERE, '--json')).output) as Status
      assert.notEqual(started.pid, killed.pid)
      assert.equal(heard, 0)
    } finally {
      stranger.close()
      await world.run('daemon', 'stop')
    }
  })

  test('says READY in the foreground, and stops in order at a signal', async () => {
    const running = world.start('daemon', 'start', '--foreground', ...ANYWHERE)
    assert.match(await running.line(/^READY/), /^READY peer port=\d+ api=http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await statusOf()).running, true)
    const { status, output } = await running.stop('SIGTERM')
    assert.equal(status, 0)
    assert.match(output, /Stopped\n$/)
  })

  test('says why it cannot start', async () => {
    const other = new ShoalWorld()
    try {
      writeFileSync(other.path('no-folder'), '')
      other.environment.SHOAL_HOME = other.path('no-folder')
      const foreground = await other.run('daemon', 'start', '--foreground', ...ANYWHERE)
      assert.equal(foreground.status, 1)
      assert.match(foreground.messages, /STATE_UNAVAILABLE/)
      const detached = await other.run('daemon', 'start')
      assert.equal(detached.status, 1)
      assert.match(detached.messages, /STATE_UNAVAILABLE/)
      assert.match((await other.run('daemon', 'logs')).messages, /FILE_MISSING/)
    } finally {
      await other.close()
    }
  })

  test('has a service file that would start it', async () => {
    const { status, output } = await world.run('service', 'show')
    assert.equal(status, 0)
    assert.match(output, /"daemon" "start" "--foreground"|<string>--foreground<\/string>/)
    assert.ok(output.includes(world.path('home', 'shoal')))
    assert.equal(readFileSync(peerFile('token'), 'utf8').length, 44)
  })
})
