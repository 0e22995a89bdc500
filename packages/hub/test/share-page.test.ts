import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { startHub } from '../src/hub.ts'
import { base64 } from './catalogue-world.ts'
import { madeTorrent } from './made-torrent.ts'

const NAME = 'Bài 04 & more.mp4'
const DESCRIPTION = '<b>not bold</b>'

async function openHubWithFile(t: TestContext, visitors: 'member' | 'none') {
  const hub = await startHub({ port: 0, settings: { visitors } })
  t.after(() => hub.close())
  const code = hub.setupLink!.split('#')[1]!
  const post = async (path: string, body: object, token?: string) => {
    const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
    return (await (await fetch(hub.url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json()) as Record<string, string>
  }
  const { token } = await post('/v1/setup', { code, name: 'An', password: 'correct horse battery' })
  const { id } = await post(
    '/v1/files',
    { torrent: base64(madeTorrent({ name: 'x.mp4' }).bytes), name: NAME, description: DESCRIPTION },
    token,
  )
  return { hub, token: token!, url: `${hub.url}/s/${id!}` }
}

describe('the page of a file', () => {
  test('says what it is and how to get it, and nothing in it is markup', async (t) => {
    const { url } = await openHubWithFile(t, 'member')
    const html = await fetch(url, { headers: { accept: 'text/html' } })
    assert.equal(html.status, 200)
    assert.match(html.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    const shown = await html.text()
    assert.ok(shown.includes(`<pre>shoal get ${url}</pre>`), shown)
    assert.ok(!shown.includes('<b>not'), shown)
    const text = await (await fetch(url)).text()
    assert.ok(text.startsWith(`${NAME}\n`) && text.includes(`  shoal get ${url}\n`), text)
  })

  test('one that is not there is a page that says so', async (t) => {
    const { hub } = await openHubWithFile(t, 'member')
    const gone = await fetch(`${hub.url}/s/nothing`, { headers: { accept: 'text/html' } })
    assert.deepEqual([gone.status, gone.headers.get('content-type')], [404, 'text/html; charset=utf-8'])
    assert.match(await gone.text(), /It may have been withdrawn/)
  })

  test('strangers of a members-only hub hear the same of a file that is there and of one that is not', async (t) => {
    const { hub, token, url } = await openHubWithFile(t, 'none')
    const there = await fetch(url)
    const notThere = await fetch(`${hub.url}/s/nothing`)
    assert.deepEqual([there.status, notThere.status], [403, 403])
    assert.equal((await there.text()).replaceAll(url, 'LINK'), (await notThere.text()).replaceAll(`${hub.url}/s/nothing`, 'LINK'))
    const member = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    assert.equal(member.status, 200)
  })
})
