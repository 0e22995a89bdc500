import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { ShoalWorld } from './shoal.ts'

interface Ready {
  readonly url: string
}

/** Ends the peer in the background, and then everything else. */
async function end(world: ShoalWorld): Promise<void> {
  await world.run('daemon', 'stop')
  await world.close()
}

describe('shoal up on one machine, and somebody on another', () => {
  const an = new ShoalWorld()
  const binh = new ShoalWorld()
  const content = randomBytes(3_000_000)
  after(async () => {
    await end(binh)
    await end(an)
  })

  test('share in one word, get in one word', async () => {
    an.writeFile(['lecture', 'a.bin'], content)
    const up = an.start('up', '--port', '0', '--json')
    const { url } = JSON.parse(await up.line(/"announce"/)) as Ready
    await up.line(/"peer"/)
    const shared = await an.run('share', 'lecture', '--json')
    assert.equal(shared.status, 0, shared.messages)
    const { link, isKnown } = JSON.parse(shared.output) as { link: string; isKnown: boolean }
    assert.ok(isKnown)

    const connected = await binh.run('connect', new URL(url).host, '--json')
    assert.equal(connected.status, 0, connected.messages)
    const got = await binh.run('get', 'lecture', '--dir', '.')
    assert.equal(got.status, 0, got.messages)
    assert.match(got.output, /is here: 2\.86 MiB.*every piece verified/)
    assert.deepEqual(readFileSync(binh.path('lecture', 'a.bin')), content)
    assert.match((await binh.run('list_chunkinfo', 'lecture')).output, /\t184\/184\t/)

    const again = await binh.run('get', link)
    assert.match(again.output + again.messages, /lecture/)
    const own = await an.run('fetch', 'lecture')
    assert.match(own.messages, /\(OWN_FILE\)\n$/)

    const begun = performance.now()
    const { status, output } = await up.stop('SIGINT')
    assert.equal(status, 0)
    assert.match(output, /"stopped"/)
    assert.ok(performance.now() - begun < 5_000)
    assert.equal((await an.run('daemon', 'status')).status, 1, 'the peer that it started is stopped, too')
  })

  test('a peer that ran before goes on', async () => {
    await an.run('daemon', 'start')
    const up = an.start('up', '--port', '0')
    await up.line(/^READY peer /)
    await up.line(/goes on when this stops/)
    assert.equal((await up.stop('SIGTERM')).status, 0)
    assert.equal((await an.run('daemon', 'status')).status, 0)
  })
})

describe('shoal share where nobody knows a hub', () => {
  const an = new ShoalWorld()
  const binh = new ShoalWorld()
  const content = randomBytes(200_000)
  after(async () => {
    await end(binh)
    await end(an)
  })

  test('serves a little hub of its own while it runs', async () => {
    an.writeFile(['film.mp4'], content)
    const share = an.start('share', 'film.mp4', '--json')
    const { link } = JSON.parse(await share.line(/"link"/)) as { link: string }
    await binh.run('connect', new URL(link).host)
    assert.equal((await binh.run('get', 'film.mp4', '--dir', '.')).status, 0)
    assert.deepEqual(readFileSync(binh.path('film.mp4')), content)
    const { status } = await share.stop('SIGINT')
    assert.equal(status, 0)
    assert.equal((await an.run('hubs', '--json')).output, '[]\n', 'it is forgotten')
  })
})
