import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PlayerKey } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import { AS_OWNER, type DaemonDoor, openDaemonDoor, rawCall } from './daemon-door.ts'
import { CONTENT, FIRST_ID, OTHER_ID } from './fake-desk.ts'

function contentUrl({ server }: DaemonDoor, id: string = FIRST_ID): string {
  return `${server.url}/v1/torrents/${id}/files/0/content`
}

describe('the content of a file', () => {
  test('is read whole, or the span that is asked for', async () => {
    await using door = await openDaemonDoor()
    const whole = await rawCall(contentUrl(door), 'GET', AS_OWNER)
    assert.equal(whole.status, 200)
    assert.deepEqual(new Uint8Array(whole.body), CONTENT)
    assert.equal(whole.headers['accept-ranges'], 'bytes')
    assert.equal(whole.headers['content-type'], 'video/mp4')
    for (const [range, begin, end] of [
      ['bytes=0-0', 0, 1],
      ['bytes=1234-3210', 1_234, 3_211],
      ['bytes=4000-', 4_000, 5_000],
      ['bytes=-10', 4_990, 5_000],
      ['bytes=-99999', 0, 5_000],
      ['bytes=4999-99999', 4_999, 5_000],
    ] as const) {
      const part = await rawCall(contentUrl(door), 'GET', { ...AS_OWNER, range })
      assert.equal(part.status, 206, range)
      assert.deepEqual(new Uint8Array(part.body), CONTENT.subarray(begin, end), range)
      assert.equal(part.headers['content-range'], `bytes ${begin}-${end - 1}/5000`, range)
    }
    assert.equal(door.desk.readers, 0)
  })

  test('says how large it is when nothing of it is asked for, or what is not there', async () => {
    await using door = await openDaemonDoor()
    const head = await rawCall(contentUrl(door), 'HEAD', AS_OWNER)
    assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '5000', 0])
    for (const range of ['bytes=5000-', 'bytes=9000-9001', 'bytes=-0']) {
      const beyond = await rawCall(contentUrl(door), 'GET', { ...AS_OWNER, range })
      assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */5000'], range)
    }
    // what we do not have may be ignored
    for (const range of ['bytes=0-1,5-6', 'lines=1-2', 'bytes=9-3', 'bytes=-', 'bytes=a-b']) {
      assert.equal((await rawCall(contentUrl(door), 'GET', { ...AS_OWNER, range })).status, 200, range)
    }
  })

  test('goes on only where the file is still the same', async () => {
    await using door = await openDaemonDoor()
    const { etag } = (await rawCall(contentUrl(door), 'HEAD', AS_OWNER)).headers
    const same = { ...AS_OWNER, range: 'bytes=10-19', 'if-range': String(etag) }
    assert.equal((await rawCall(contentUrl(door), 'GET', same)).status, 206)
    assert.equal((await rawCall(contentUrl(door), 'GET', { ...same, 'if-range': '"other"' })).status, 200)
    assert.equal((await rawCall(contentUrl(door), 'GET', { ...AS_OWNER, 'if-none-match': String(etag) })).status, 304)
  })

  test('runs nothing in a browser, and is saved unless it can only be looked at', async () => {
    await using door = await openDaemonDoor()
    for (const [name, type, disposition] of [
      ['a.html', 'application/octet-stream', 'attachment'],
      ['a.svg', 'application/octet-stream', 'attachment'],
      ['a.pdf', 'application/octet-stream', 'attachment'],
      ['a.constructor', 'application/octet-stream', 'attachment'],
      ['no end', 'application/octet-stream', 'attachment'],
      ['a.MP4', 'video/mp4', 'inline'],
      ['bài \r\n"hát\ud800.mp3', 'audio/mpeg', 'inline'],
      ['a.txt', 'text/plain; charset=utf-8', 'inline'],
    ] as const) {
      door.desk.contentName = name
      const { status, headers } = await rawCall(contentUrl(door), 'HEAD', AS_OWNER)
      assert.equal(status, 200, name)
      assert.equal(headers['content-type'], type, name)
      assert.ok(String(headers['content-disposition']).startsWith(`${disposition}; filename*=UTF-8''`), name)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.match(String(headers['content-security-policy']), /^sandbox; default-src 'none'/)
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
    }
  })

  test('is for whoever has the token, or a key of this torrent that has not ended', async () => {
    await using door = await openDaemonDoor()
    const made = await rawCall(`${door.server.url}/v1/torrents/${FIRST_ID}/player-keys`, 'POST', AS_OWNER)
    assert.equal(made.status, 201)
    const { key, expiresAt } = JSON.parse(made.body.toString()) as PlayerKey
    const statusWith = async (url: string) => (await rawCall(url, 'HEAD')).status
    assert.equal(await statusWith(contentUrl(door)), 401)
    assert.equal(await statusWith(`${contentUrl(door)}?key=${key}`), 200)
    // a changed time, a changed proof, another torrent, no key at all
    const [time, proof = ''] = key.split('.')
    assert.equal(await statusWith(`${contentUrl(door)}?key=z${time}.${proof}`), 401)
    assert.equal(await statusWith(`${contentUrl(door)}?key=${time}.${proof.slice(1)}A`), 401)
    assert.equal(await statusWith(`${contentUrl(door, OTHER_ID)}?key=${key}`), 401)
    assert.equal(await statusWith(`${contentUrl(door)}?key=`), 401)
    // it opens nothing else
    assert.equal((await rawCall(`${door.server.url}/v1/torrents/${FIRST_ID}?key=${key}`, 'GET')).status, 401)
    door.clock.now = expiresAt
    assert.equal(await statusWith(`${contentUrl(door)}?key=${key}`), 401)
  })

  test('breaks off when the torrent goes, and that is no bug', async () => {
    await using door = await openDaemonDoor()
    door.desk.contentError = new ProblemError('NOT_FOUND', 'The torrent was removed')
    const answer = await rawCall(contentUrl(door), 'GET', AS_OWNER)
    assert.equal(answer.isWhole, false)
    assert.deepEqual(door.bugs, [])
    door.desk.contentError = new Error('inside')
    assert.equal((await rawCall(contentUrl(door), 'GET', AS_OWNER)).isWhole, false)
    assert.equal(door.bugs.length, 1)
  })
})
