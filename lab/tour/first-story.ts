import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PieceHolders } from '@shoal/api/hub-api'
import { formatDuration } from '@shoal/api/human'
import { until } from '../interop/deadline.ts'
import { contentOf } from './tour-content.ts'
import type { TourPage } from './tour-page.ts'
import { TourPerson } from './tour-person.ts'

/** The two commands of the README, from nothing to a file on another machine. */
export async function tellFirstStory(folder: string, page: TourPage): Promise<void> {
  page.heading('From one machine to another in two commands')
  page.say('Nothing runs, nobody knows a hub. An shares a file; the link goes to Bình, by mail or as a QR code.')
  const an = new TourPerson('an', folder, page)
  const binh = new TourPerson('binh', folder, page)
  try {
    const content = contentOf(64 << 20, 4)
    writeFileSync(join(an.folder, 'film.mp4'), content)
    const share = await an.launch(/Ctrl-C stops it/, 'share', 'film.mp4')
    an.show(['share', 'film.mp4'], share.output)
    const link = /link\t(\S+)/.exec(share.output)?.[1] ?? assert.fail('There is no link')
    await binh.runs('get', link)
    assert.deepEqual(readFileSync(join(binh.folder, 'Downloads', 'film.mp4')), content, 'the copy is equal')
    const took = formatDuration(an.busyMs + binh.busyMs)
    page.say(`Both commands together, with the start of a peer on each machine and of a hub, took ${took} when this page was written.`)
    page.say('Bình is at that hub from then on, and shares what he got; An sees it, and may go.')
    await until('the hub knows that both have everything', async () => {
      const [told] = JSON.parse(await an.command('list_chunkinfo', 'film.mp4', '--json')) as PieceHolders[]
      return told?.holders.length === 2 && told.holders.every(({ have }) => have === told.pieceCount) ? told : undefined
    })
    await an.runs('list_chunkinfo', 'film.mp4')
    await an.runs('shared')
    await share.interrupt()
  } finally {
    await binh.command('daemon', 'stop')
    await an.command('daemon', 'stop')
  }
}
