import { createHash } from 'node:crypto'
import type { HubFacts } from '@shoal/api/hub-api'
import { escapeHtml, htmlPage } from '@shoal/door/html'
import { RawReply } from '@shoal/door/route'
import { type HubRoute, route } from './route.ts'

/**
 * The pages behind the two kinds of links that the hub gives out: `/setup#CODE` makes the owner, `/join#CODE` a member.
 * What stands behind `#` no browser sends to anybody, so a page has to read it: these two have the only script of
 * the hub, and their policy names it by its hash.
 */
const ENTRIES = {
  setup: {
    title: 'Set up this hub',
    says: 'Whoever fills this in owns the hub: invites people, gives them roles, and decides who may come.',
    to: 'v1/setup',
    codeField: 'code',
  },
  join: {
    title: 'Join this hub',
    says: 'Choose a name that the others know you by, and a password.',
    to: 'v1/accounts',
    codeField: 'invite',
  },
} as const
type Entry = keyof typeof ENTRIES

export const ENTRY_SCRIPT = `
const form = document.querySelector('form')
const said = document.querySelector('output')
const code = location.hash.slice(1)
if (code !== '') {
  form.elements.namedItem('code').value = code
  history.replaceState(null, '', location.pathname)
}
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const value = (name) => form.elements.namedItem(name).value
  const body = { name: value('name'), password: value('password') }
  if (value('code') !== '') body[form.dataset.codeField] = value('code').trim()
  said.textContent = 'A moment …'
  try {
    const answer = await fetch(form.dataset.to, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    const told = await answer.json()
    if (!answer.ok) {
      said.textContent = told.detail
      return
    }
    form.hidden = true
    said.textContent = [
      'Welcome, ' + told.account.name + '. This is your token; it is you, so keep it to yourself:', told.token,
      'Your trackers, for torrents that you make (with your key in them):', ...told.account.announceUrls,
    ].join('\\n\\n')
  } catch {
    said.textContent = 'The hub did not answer. Is it still running? Try again in a moment.'
  }
})
`

/** Names the script of the two pages, and lets it ask the hub itself. */
export const ENTRY_POLICY: string = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  `script-src 'sha256-${createHash('sha256').update(ENTRY_SCRIPT).digest('base64')}'`,
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

export function entryRoutes(facts: (origin: string) => Promise<HubFacts> | HubFacts): HubRoute[] {
  const pageOf = (entry: Entry): HubRoute =>
    route({
      method: 'GET',
      url: `/${entry}`,
      summary: entry === 'setup' ? 'Where the set-up link leads, for people' : 'Where an invite leads, for people',
      needs: 'public',
      handle: async ({ origin }) => {
        const { name } = await facts(origin)
        return new RawReply('text/html; charset=utf-8', entryPage(entry, name, origin), { 'content-security-policy': ENTRY_POLICY })
      },
    })
  return [pageOf('setup'), pageOf('join')]
}

function entryPage(entry: Entry, hubName: string, origin: string): string {
  const { title, says, to, codeField } = ENTRIES[entry]
  const byHand = `curl ${origin}/${to} -H 'content-type: application/json' -d '${JSON.stringify({ [codeField]: 'THE CODE', name: 'YOUR NAME', password: 'A LONG PASSWORD' })}'`
  return htmlPage(
    `${title}: ${hubName}`,
    `<h1>${escapeHtml(hubName)}</h1>
<p>${escapeHtml(says)}</p>
<form data-to="${to}" data-code-field="${codeField}" autocomplete="on">
<p><label>Code, from the link<br><input name="code" autocomplete="off" spellcheck="false"></label></p>
<p><label>Name<br><input name="name" required maxlength="40" autocomplete="username" autofocus></label></p>
<p><label>Password, eight characters at least: a sentence is best<br><input name="password" type="password" required minlength="8" maxlength="256" autocomplete="new-password"></label></p>
<p><button>${escapeHtml(title)}</button></p>
</form>
<p><output style="white-space: pre-wrap; overflow-wrap: anywhere"></output></p>
<noscript><p>This page needs its script to read the code behind <code>#</code>. The same from a terminal:</p>
<pre>${escapeHtml(byHand)}</pre></noscript>
<script>${ENTRY_SCRIPT}</script>`,
  )
}
