import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contentOf, whenDone } from './tour-content.ts'
import { TourHub } from './tour-hub.ts'
import type { TourPage } from './tour-page.ts'
import { TourPerson } from './tour-person.ts'

/** create, upload, download, stop: a tracker, and a .torrent file that is handed on. */
export async function tellTorrentStory(folder: string, page: TourPage): Promise<void> {
  page.heading('A torrent, a tracker and two peers')
  page.say('An makes a torrent of a file for the tracker of the hub, and shares what it describes.')
  const hub = await TourHub.start(join(folder, 'hub'), page)
  const an = new TourPerson('an', folder, page)
  const binh = new TourPerson('binh', folder, page)
  try {
    await an.start()
    await binh.start()
    const content = contentOf(48 << 20, 1)
    writeFileSync(join(an.folder, 'lecture.mp4'), content)
    await an.types('start')
    await an.types(`create lecture.mp4 . ${hub.announce}`)
    await an.types(`upload lecture.mp4.torrent ${hub.announce}`)
    await whenDone(an, 'lecture.mp4')
    page.say('The .torrent file goes to Bình by hand, or its magnet link by mail. Whoever has one of them gets the data.')
    await an.types('magnet lecture.mp4')
    copyFileSync(join(an.folder, 'lecture.mp4.torrent'), join(binh.folder, 'lecture.mp4.torrent'))
    await binh.types('download lecture.mp4.torrent . --wait')
    assert.deepEqual(readFileSync(join(binh.folder, 'lecture.mp4')), content, 'the copy is equal')
    await binh.types('list')
    await binh.types('l lecture.mp4')
    await binh.types('announce lecture.mp4')
    await binh.types('scrape lecture.mp4')
    page.say('`stop` leaves the swarm, and shows what was moved.')
    await binh.types('stop lecture.mp4')
    await an.types('stop')
    page.say('What is typed wrong is answered with what would be right.')
    await an.types('uplaod lecture.mp4.torrent')
    await an.types('download nothing.torrent')
  } finally {
    await binh.stop()
    await an.stop()
    await hub.stop()
  }
}
