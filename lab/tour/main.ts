/**
 * Plays the stories of the founding documents with real hubs and peers, and writes docs/tour.md from what was shown:
 *
 *   node lab/tour/main.ts
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tellFirstStory } from './first-story.ts'
import { tellGroupStory } from './group-story.ts'
import { tellMemberStory } from './member-story.ts'
import { tellTorrentStory } from './torrent-story.ts'
import { TourPage } from './tour-page.ts'

const PAGE = new URL('../../docs/tour.md', import.meta.url)

const page = new TourPage()
page.say('# A tour')
page.say(
  `What follows was typed into Shoal and shown by it: \`node lab/tour/main.ts\` plays these stories with a hub and with peers of their own, and
writes this page. \`an>\`, \`binh>\` and \`chi>\` are the shells of three peers, \`hub>\` is the shell of the hub (\`shoal hub shell\`). Everything
that is typed here is a command, too: \`shoal publish lecture\`. Live progress, which stands above the prompt while it lasts, is not shown.`,
)
// About as long as what the page shows instead of it: lines break where they would there. Two tours at once are refused.
const folder = join(tmpdir(), 'tour')
mkdirSync(folder)
try {
  for (const tell of [tellFirstStory, tellTorrentStory, tellGroupStory, tellMemberStory]) {
    await tell(folder, page)
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
  }
  writeFileSync(PAGE, page.text().replaceAll(folder, '/home'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
