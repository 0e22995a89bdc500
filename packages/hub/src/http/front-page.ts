import type { HubFacts } from '@shoal/api/hub-api'
import { escapeHtml, htmlPage } from '@shoal/door/html'

/** One thing to do, with the command that does it. */
interface Step {
  readonly says: string
  readonly commands: readonly string[]
}

const WHAT_IT_IS = [
  'The meeting point of a group that shares files with BitTorrent. It hands no files out: it keeps the list of what',
  'the group shares, and tells the peers of a torrent about each other, so that they exchange the pieces directly.',
  'Any BitTorrent client can use it.',
].join('\n')

/** For curl and everything else that asks for no HTML. */
export function frontPageText(facts: HubFacts, origin: string): string {
  const steps = stepsOf(facts, origin).map(({ says, commands }) => `${says}\n${commands.map((command) => `  ${command}\n`).join('')}`)
  return [`${facts.name}: a Shoal hub\n`, `${WHAT_IT_IS}\n`, `${whoMayCome(facts)}\n`, ...steps, `The API: ${origin}/docs/api\n`].join('\n')
}

export function frontPageHtml(facts: HubFacts, origin: string): string {
  const steps = stepsOf(facts, origin).map(
    ({ says, commands }) => `<p>${escapeHtml(says)}</p>\n${commands.map((command) => `<pre>${escapeHtml(command)}</pre>`).join('\n')}`,
  )
  return htmlPage(
    facts.name,
    `<h1>${escapeHtml(facts.name)}</h1>
<p>${escapeHtml(WHAT_IT_IS)}</p>
<p><strong>${escapeHtml(whoMayCome(facts))}</strong></p>
${steps.join('\n')}
<p><small>Shoal ${escapeHtml(facts.version)} · <a href="docs/api">for programs</a></small></p>`,
  )
}

function whoMayCome({ needsSetup, visitors, registration }: HubFacts): string {
  if (needsSetup)
    return 'Nobody owns this hub yet: whoever started it finds a set-up link in its output (shoal hub setup-link shows it again).'
  if (visitors === 'member') return 'Everybody who reaches this hub may use it.'
  const visit = visitors === 'guest' ? 'Everybody may look around and download; sharing is for members.' : 'It is for its members.'
  if (registration === 'open') return `${visit} Everybody may become one.`
  if (registration === 'invite') return `${visit} To become one, ask a member for an invite.`
  return `${visit} New ones are not taken at present.`
}

function stepsOf(facts: HubFacts, origin: string): Step[] {
  if (facts.needsSetup && facts.visitors !== 'member') return []
  const steps: Step[] = []
  const isMembersOnly = facts.visitors === 'none'
  if (facts.visitors !== 'member' && facts.registration !== 'closed') {
    const body = { name: 'YOUR NAME', password: 'A LONG PASSWORD', ...(facts.registration === 'invite' ? { invite: 'THE CODE' } : {}) }
    steps.push({
      says: 'Become a member on the first of these, or with the second from a terminal:',
      commands: [`${origin}/join`, `curl ${origin}/v1/accounts -H 'content-type: application/json' -d '${JSON.stringify(body)}'`],
    })
  }
  const tracker = isMembersOnly ? `${origin}/a/YOUR-KEY/announce` : facts.announceUrls[0]
  if (tracker === undefined) return steps
  const whose = isMembersOnly ? 'your own tracker (whoever joins is told it; later: GET /v1/account)' : 'the tracker of this hub'
  const joins = facts.visitors === 'member' ? [`shoal connect ${origin}`] : [`shoal connect ${origin}`, 'shoal login YOUR-NAME']
  steps.push(
    { says: 'Join with your peer:', commands: joins },
    { says: 'Share a file or folder, and get what others share:', commands: ['shoal share FOLDER', 'shoal list_files', 'shoal get NAME'] },
    { says: `In another client, put ${whose} into a torrent that you make:`, commands: [tracker] },
  )
  if (!isMembersOnly) steps.push({ says: 'All of its trackers:', commands: facts.announceUrls })
  return steps
}
