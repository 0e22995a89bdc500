import type { FileEntry } from '@shoal/api/hub-api'
import { formatBytes, formatCount } from '@shoal/api/human'
import { ProblemError } from '@shoal/api/problem'
import { escapeHtml, htmlPage, PAGE_POLICY } from '@shoal/door/html'
import { RawReply } from '@shoal/door/route'
import Type from 'typebox'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { type HubRoute, route } from './route.ts'

const TEXT = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'

/** What stands behind the link that `shoal share` prints: what it is, and how to get it. For people, so a refusal is a page, too. */
export function sharePageRoutes(catalogue: Catalogue): HubRoute[] {
  return [
    route({
      method: 'GET',
      url: '/s/:id',
      summary: 'The page of one file, for people',
      needs: 'public',
      params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
      handle: async ({ params, caller, origin, header }) => {
        const isBrowser = header('accept')?.includes('text/html') === true
        const link = `${origin}/s/${encodeURIComponent(params.id)}`
        const show = (status: number, title: string, lines: readonly Line[]): RawReply =>
          isBrowser
            ? new RawReply(HTML, pageHtml(title, lines), { 'content-security-policy': PAGE_POLICY, 'cache-control': 'no-store' }, status)
            : new RawReply(TEXT, pageText(title, lines), { 'cache-control': 'no-store' }, status)
        // Whether there is such a file is no stranger's business.
        if (!caller.may('files:read')) return show(403, 'For members', strangerLines(link))
        try {
          const file = await catalogue.entry(params.id, caller)
          return show(200, file.name, fileLines(file, link))
        } catch (error) {
          if (!(error instanceof ProblemError)) throw error
          return show(error.status, 'Not here', [{ says: error.message }])
        }
      },
    }),
  ]
}

interface Line {
  readonly says: string
  readonly command?: string
}

function fileLines(file: FileEntry, link: string): Line[] {
  const { size, pieceCount, pieceLength, fileCount, host, availability, description } = file
  const files = fileCount === 1 ? '' : `${formatCount(fileCount)} files · `
  const from = host === undefined ? '' : ` · from ${host.name}${host.isOnline ? '' : ' (away)'}`
  const copies = availability.rarestCopies
  return [
    { says: `${files}${formatBytes(size)} · ${formatCount(pieceCount)} pieces of ${formatBytes(pieceLength)}${from}` },
    {
      says:
        copies === 0
          ? 'Nobody who is here holds all of it at this moment.'
          : `Every piece is held ${copies === 1 ? 'once' : `${copies} times`} or more.`,
    },
    ...(description === undefined ? [] : [{ says: description }]),
    { says: 'Get it, from everybody who has a part:', command: `shoal get ${link}` },
  ]
}

function strangerLines(link: string): Line[] {
  return [
    { says: 'This hub is for its members. If you are one, sign in with your peer, then get what was shared with you:' },
    { says: 'Sign in:', command: `shoal login YOUR-NAME` },
    { says: 'Get it:', command: `shoal get ${link}` },
  ]
}

function pageText(title: string, lines: readonly Line[]): string {
  const shown = lines.map(({ says, command }) => (command === undefined ? `${says}\n` : `${says}\n  ${command}\n`))
  return [`${title}\n`, ...shown].join('\n')
}

function pageHtml(title: string, lines: readonly Line[]): string {
  const shown = lines.map(
    ({ says, command }) => `<p>${escapeHtml(says)}</p>${command === undefined ? '' : `\n<pre>${escapeHtml(command)}</pre>`}`,
  )
  return htmlPage(title, `<h1>${escapeHtml(title)}</h1>\n${shown.join('\n')}`)
}
