import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { THIS_HOST } from './host.ts'
import type { Program } from './program.ts'
import { BITTORRENT_TRACKER, needs } from './requirement.ts'
import { Scene } from './scene.ts'
import { HubUnderTest } from './shoal.ts'

const host = THIS_HOST

describe('bittorrent-tracker, the client', { skip: needs('bittorrent-tracker'), concurrency: 3 }, () => {
  const stage = new Scene()
  let open: HubUnderTest
  let members: HubUnderTest
  before(async () => {
    open = await HubUnderTest.start(stage, host)
    members = await HubUnderTest.startForMembers(stage, host)
  })
  after(() => stage.close())

  for (const [what, url] of [
    ['HTTP', () => open.url('http')],
    ['UDP', () => open.url('udp')],
    ['HTTP with the key of a member', () => members.url('http')],
  ] as const) {
    test(`announces, finds its like and scrapes over ${what}`, async (t) => {
      const scene = Scene.of(t)
      const infoHash = createHash('sha1').update(t.name).digest('hex')
      const client = (name: string, port: number, left: number): Program =>
        scene.start(host, name, [process.execPath, join(BITTORRENT_TRACKER, 'client.js'), url(), infoHash, String(port), String(left)])
      const seed = client('seed', 7001, 0)
      await seed.line(/^UPDATE/)
      const leecher = client('leecher', 7002, 5)
      assert.equal(await leecher.line(/^PEER/), 'PEER 127.0.0.1:7001')
      assert.deepEqual(countsIn(await leecher.line(/^UPDATE/)), { complete: 1, incomplete: 1 })
      leecher.say('scrape')
      assert.deepEqual(countsIn(await leecher.line(/^SCRAPE/)), { complete: 1, incomplete: 1 })
      assert.deepEqual(
        [...seed.lines, ...leecher.lines].filter((line) => /^(ERROR|WARNING)/.test(line)),
        [],
      )
    })
  }

  test('is refused in words without a key', async (t) => {
    const scene = Scene.of(t)
    const url = members.url('http').replace(/a\/.*\/announce$/, 'announce')
    const client = scene.start(host, 'stranger', [
      process.execPath,
      join(BITTORRENT_TRACKER, 'client.js'),
      url,
      'a'.repeat(40),
      '7001',
      '0',
    ])
    assert.match(await client.line(/^(WARNING|ERROR)/), /This hub is for members/)
  })
})

function countsIn(line: string): { complete: number; incomplete: number } {
  const { complete, incomplete } = JSON.parse(line.slice(line.indexOf(' '))) as { complete: number; incomplete: number }
  return { complete, incomplete }
}
