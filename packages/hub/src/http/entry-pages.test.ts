import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import type { HubFacts } from '@shoal/api/hub-api'
import { RawReply } from '@shoal/door/route'
import { ENTRY_POLICY, ENTRY_SCRIPT, entryRoutes } from './entry-pages.ts'
import type { HubCall } from './route.ts'

const FACTS: HubFacts = {
  name: 'the "class"',
  version: '1',
  visitors: 'none',
  registration: 'invite',
  needsSetup: true,
  announceUrls: [],
  startedAt: 0,
}

async function pageAt(url: string): Promise<RawReply> {
  const found = entryRoutes(() => FACTS).find((each) => each.url === url)
  const reply = await found?.handle({ origin: 'https://class.example/hub' } as HubCall)
  assert.ok(reply instanceof RawReply)
  return reply
}

/** Runs the script of a page as a browser would, as far as it needs one. */
function browse(hash: string, answer: { ok: boolean; told: unknown }) {
  const inputs: Record<string, { value: string }> = { code: { value: '' }, name: { value: 'an' }, password: { value: 'a sentence' } }
  const said = { textContent: '' }
  const asked: { to: string; body: unknown }[] = []
  let onSubmit: (event: { preventDefault(): void }) => Promise<void> = async () => undefined
  const form = {
    elements: { namedItem: (name: string) => inputs[name] },
    dataset: { to: 'v1/setup', codeField: 'code' },
    hidden: false,
    addEventListener: (_: string, listener: typeof onSubmit) => {
      onSubmit = listener
    },
  }
  let address = `/setup${hash}`
  runInNewContext(ENTRY_SCRIPT, {
    document: { querySelector: (selector: string) => (selector === 'form' ? form : said) },
    location: { hash, pathname: '/setup' },
    history: {
      replaceState: (_: unknown, __: string, to: string) => {
        address = to
      },
    },
    fetch: async (to: string, { body }: { body: string }) => {
      asked.push({ to, body: JSON.parse(body) })
      return { ok: answer.ok, json: async () => answer.told }
    },
  })
  const submit = () => onSubmit({ preventDefault: () => undefined })
  return { form, said, asked, submit, address: () => address }
}

describe('the pages behind links', () => {
  test('have one script, which their policy names', async () => {
    for (const url of ['/setup', '/join']) {
      const { body, headers } = await pageAt(url)
      const scripts = [...String(body).matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, script]) => script ?? '')
      assert.equal(scripts.length, 1)
      const hash = createHash('sha256').update(scripts[0]!).digest('base64')
      assert.ok(headers['content-security-policy']?.includes(`script-src 'sha256-${hash}'`))
      assert.ok(String(body).includes('the &#34;class&#34;'))
      assert.ok(!/ on\w+=/.test(String(body)))
    }
    assert.ok(!ENTRY_POLICY.replace("style-src 'unsafe-inline'", '').includes('unsafe'))
  })

  test('send the code of the link, and take it out of the address', async () => {
    const page = browse('#secret-code', {
      ok: true,
      told: { account: { name: 'an', announceUrls: ['http://h/a/key/announce'] }, token: 'the token' },
    })
    assert.equal(page.address(), '/setup')
    await page.submit()
    assert.deepEqual(page.asked, [{ to: 'v1/setup', body: { name: 'an', password: 'a sentence', code: 'secret-code' } }])
    assert.ok(page.form.hidden)
    assert.match(page.said.textContent, /Welcome, an\.[\s\S]*the token[\s\S]*http:\/\/h\/a\/key\/announce/)
  })

  test('say why it was refused, and stay', async () => {
    const page = browse('', { ok: false, told: { detail: 'The invite is unknown, used up or has ended' } })
    await page.submit()
    assert.deepEqual(page.asked[0]?.body, { name: 'an', password: 'a sentence' })
    assert.equal(page.said.textContent, 'The invite is unknown, used up or has ended')
    assert.equal(page.form.hidden, false)
  })
})
