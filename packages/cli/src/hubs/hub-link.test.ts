import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProblemError, problemOf } from '@shoal/api/problem'
import { SimSystem } from '@shoal/engine/simulation'
import { FakeControl } from '../../test/fake-control.ts'
import { HubLink, LinkAway } from './hub-link.ts'

const INFO_HASH = 'a'.repeat(40)

function world(token?: string) {
  const system = new SimSystem({ seed: 'hub-link' })
  const control = new FakeControl()
  const news: string[] = []
  let name = 'an'
  const identity = () => ({ hostKey: 'k'.repeat(43), name, port: 6881, version: 'test 1' })
  const link = new HubLink(
    { url: 'http://hub', token, identity, system, openSocket: control.openSocket },
    {
      onStatus: ({ status }) => void news.push(status),
      onWatch: (infoHash, isWatched) => void news.push(`${isWatched ? 'watch' : 'unwatch'} ${infoHash.slice(0, 2)}`),
      onCopies: ({ elsewhere, mayLeave }) => void news.push(`copies ${elsewhere} ${mayLeave}`),
    },
  )
  link.start()
  return { system, control, news, link, rename: (to: string) => (name = to) }
}

function reasonOf({ status }: HubLink): string {
  return 'reason' in status ? status.reason : ''
}

describe('HubLink', () => {
  test('says hello, answers pings at once, and passes on what the hub says', () => {
    const { control, news, link } = world('secret')
    control.latest.welcome()
    assert.equal(control.latest.token, 'secret')
    assert.deepEqual(control.latest.heard, [{ type: 'hello', hostKey: 'k'.repeat(43), name: 'an', port: 6881, version: 'test 1' }])
    control.latest.say({ type: 'ping', call: 7 })
    assert.deepEqual(control.latest.last('pong'), { type: 'pong', call: 7 })
    control.latest.say({ type: 'watch', infoHash: INFO_HASH })
    control.latest.say({ type: 'unwatch', infoHash: INFO_HASH })
    control.latest.say({ type: 'copies', infoHash: INFO_HASH, elsewhere: 2, mayLeave: true })
    assert.deepEqual(news, ['connecting', 'connected', 'watch aa', 'unwatch aa', 'copies 2 true'])
    assert.equal(link.status.status === 'connected' && link.status.welcome.hubName, 'class')
  })

  test('ignores what a newer hub adds, and what is no message', () => {
    const { control, news } = world()
    control.latest.open()
    control.latest.sayText('{')
    control.latest.say({ type: 'dance' })
    control.latest.say({ type: 'welcome', hostId: 1 })
    assert.deepEqual(news, ['connecting'])
    control.latest.say({ type: 'welcome', hostId: 'h', name: 'an', ip: '::1', hubName: 'x', published: [], mood: 'good' })
    assert.deepEqual(news, ['connecting', 'connected'])
  })

  test('comes back for ever, waiting longer each time, never more than half a minute, never in step with others', async () => {
    const { system, control, link } = world()
    const waits: number[] = []
    for (let tries = 0; tries < 9; tries++) {
      control.latest.end({ reason: 'nothing listens there' })
      const { status } = link
      assert.ok(status.status === 'away' && status.reason === 'nothing listens there')
      waits.push(status.nextTryAt - system.now())
      const before = control.channels.length
      await system.run(status.nextTryAt - system.now())
      assert.equal(control.channels.length, before + 1)
    }
    assert.ok(waits[0]! >= 500 && waits[0]! < 1_000, waits.join())
    assert.ok(waits.every((wait) => wait <= 30_000) && waits.slice(5).every((wait) => wait >= 15_000), waits.join())
    assert.ok(new Set(waits.slice(5)).size > 1, waits.join())
  })

  test('gives up a hub that is silent, and one that takes no hello', async () => {
    const { system, control, link } = world()
    control.latest.welcome()
    await system.run(20_000)
    assert.equal(control.latest.pings, 2)
    control.latest.beat()
    await system.run(20_000)
    assert.equal(link.status.status, 'connected')
    await system.runUntil(() => link.status.status === 'away', 20_000)
    assert.match(reasonOf(link), /nothing was heard/)
    await system.runUntil(() => control.channels.length === 2, 5_000)
    control.latest.open()
    await system.runUntil(() => link.status.status === 'away', 11_000)
    assert.match(reasonOf(link), /hello/)
  })

  test('publishes and withdraws; the hub decides, in any order', async () => {
    const { system, control, link } = world()
    control.latest.welcome()
    const one = link.publish({ name: 'one', torrent: 'AA==' })
    const two = link.publish({ name: 'two', torrent: 'AA==' })
    control.latest.say({ type: 'refused', call: 2, problem: problemOf(new ProblemError('TAKEN', 'It is taken\u001b[2J')) })
    control.latest.say({ type: 'done', call: 1, entryId: 'e1' })
    assert.equal((await system.complete(one)).entryId, 'e1')
    await assert.rejects(two, { code: 'TAKEN', message: 'It is taken [2J' })
    const gone = link.withdraw('one')
    control.latest.say({ type: 'done', call: 3 })
    await system.complete(gone)
  })

  test('has four calls out at most, and tells those that wait when the channel breaks', async () => {
    const { control, link } = world()
    await assert.rejects(link.withdraw('x'), LinkAway)
    control.latest.welcome()
    const calls = Array.from({ length: 6 }, (_, index) => link.publish({ name: `${index}`, torrent: 'AA==' }))
    assert.equal(control.latest.heard.length, 1 + 4)
    control.latest.say({ type: 'done', call: 2 })
    assert.equal(control.latest.heard.length, 1 + 5)
    control.latest.end()
    const outcomes = await Promise.allSettled(calls)
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason instanceof LinkAway : 'done')),
      [true, 'done', true, true, true, true],
    )
  })

  test('waits for somebody when the token has ended, and comes back at once with a new one', async () => {
    const { system, control, link } = world('old')
    control.latest.welcome()
    control.latest.say({ type: 'goodbye', code: 'NOT_SIGNED_IN', detail: 'The token was taken back.' })
    control.latest.end()
    assert.ok(link.status.status === 'refused')
    assert.equal(link.status.reason, 'The token was taken back. Sign in: login')
    await system.run(60_000)
    assert.equal(control.channels.length, 1)
    link.setToken('new')
    assert.equal(control.latest.token, 'new')
    control.latest.end({ reason: '', status: 401 })
    assert.equal(link.status.status, 'refused')
  })

  test('says what kind of no it was', () => {
    for (const [end, said] of [
      [{ reason: '', status: 404 }, /no control channel/],
      [{ reason: '', status: 308 }, /elsewhere/],
      [{ reason: '', status: 403, problem: problemOf(new ProblemError('FORBIDDEN', 'Not you.')) }, /^Not you\. Ask/],
    ] as const) {
      const { control, link } = world()
      control.latest.end(end)
      assert.ok(link.status.status === 'refused')
      assert.match(link.status.reason, said)
    }
    const { control, link, system } = world()
    control.latest.end({
      reason: 'busy',
      status: 429,
      problem: problemOf(new ProblemError('RATE_LIMITED', 'x', { retryAfterSeconds: 20 })),
    })
    assert.ok(link.status.status === 'away' && link.status.nextTryAt - system.now() >= 20_000)
  })

  test('does not fight with another program that has its key', async () => {
    const { system, control, link } = world()
    control.latest.welcome()
    control.latest.say({ type: 'goodbye', code: 'REPLACED', detail: 'This host has connected again' })
    control.latest.end()
    assert.equal(link.status.status, 'refused')
    await system.run(4 * 60_000)
    assert.equal(control.channels.length, 1)
    await system.run(2 * 60_000)
    assert.equal(control.channels.length, 2)
  })

  test('tells an older hub no pieces again once it has closed the channel over them', async () => {
    const { system, control, link } = world()
    control.latest.welcome()
    assert.equal(link.tellPieces(INFO_HASH, 'all'), true)
    control.latest.say({ type: 'goodbye', code: 'MALFORMED', detail: 'there is no message of the type "pieces"' })
    control.latest.end()
    await system.runUntil(() => control.channels.length === 2, 5_000)
    control.latest.welcome()
    assert.equal(link.tellPieces(INFO_HASH, 'all'), false)
    const call = link.publish({ name: 'x', torrent: 'AA==', tags: ['new'] })
    control.latest.say({ type: 'goodbye', code: 'MALFORMED', detail: 'tags must NOT have additional properties' })
    control.latest.end()
    await assert.rejects(call, { code: 'UNSUPPORTED_TYPE' })
  })

  test('says hello anew when its name changes, and nothing when it is stopped', async () => {
    const { system, control, link, rename, news } = world()
    control.latest.welcome()
    rename('binh')
    link.reconnect()
    assert.equal(control.channels.length, 2)
    control.latest.open()
    assert.equal(control.latest.last('hello')?.name, 'binh')
    link.stop()
    link.retryNow()
    await system.run(600_000)
    assert.equal(control.channels.length, 2)
    assert.equal(news.at(-1), 'stopped')
    assert.equal(system.pendingEvents, 0)
  })
})
