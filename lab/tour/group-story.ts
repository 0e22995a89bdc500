import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../interop/deadline.ts'
import { contentOf, whenDone } from './tour-content.ts'
import { TourHub } from './tour-hub.ts'
import type { TourPage } from './tour-page.ts'
import { TourPerson } from './tour-person.ts'

/** publish, fetch, discover, ping: the tests 5.1 to 5.11 of the founding documents, in their order. */
export async function tellGroupStory(folder: string, page: TourPage): Promise<void> {
  page.heading('A group and its hub')
  page.say('A hub runs (5.1), three peers run (5.2), and each says where it is (5.3). They connect (5.4), and the hub sees them (5.5).')
  const hub = await TourHub.start(join(folder, 'hub'), page)
  const people = ['an', 'binh', 'chi'].map((name) => new TourPerson(name, folder, page))
  const [an, binh, chi] = people as [TourPerson, TourPerson, TourPerson]
  try {
    for (const person of people) await person.start()
    await hub.types('start')
    await an.types('start')
    for (const person of people) await person.types(`connect ${hub.address.replace(':', ' ')}`)
    await hub.types('list_peers')
    page.say('An publishes a file (5.6). The hub learns of it at once, and of nothing but its description: the data stays where it is.')
    const content = contentOf(64 << 20, 2)
    writeFileSync(join(an.folder, 'lecture-04.mp4'), content)
    await an.types('publish lecture-04.mp4 lecture-04')
    page.say(
      'The list is the same everywhere (5.7). `discover` shows what one peer shares (5.8), `list_chunkinfo` who has which pieces (5.9).',
    )
    await hub.types('list_files')
    await binh.types('list_files')
    const { peerPort } = await an.client.facts()
    await binh.types(`discover 127.0.0.1 ${peerPort}`)
    await until('the hub knows the pieces', async () => {
      const [known] = await binh.client.hubs()
      const [file] = (await binh.client.hubFiles(known!.id, {})).items
      return (await binh.client.hubPieces(known!.id, file!.infoHash)).holders.length > 0 ? file : undefined
    })
    await binh.types('list_chunkinfo lecture-04')
    page.say('`ping` measures from the hub to a peer and back, and whether its port can be reached (5.10).')
    await binh.types(`ping 127.0.0.1 ${peerPort}`)
    page.say('Bình fetches it, under a name of his own, and Chi then gets it from both (5.11). The copies are equal.')
    await binh.types('fetch lecture-04 ./sorting.mp4 --wait')
    assert.deepEqual(readFileSync(join(binh.folder, 'sorting.mp4')), content, 'the copy is equal')
    await chi.types('fetch lecture-04 --wait')
    await whenDone(chi, 'lecture-04.mp4')
    await until('everybody is known to have everything', async () => {
      const [known] = await an.client.hubs()
      const [file] = (await an.client.hubFiles(known!.id, {})).items
      const { holders, pieceCount } = await an.client.hubPieces(known!.id, file!.infoHash)
      return holders.length === 3 && holders.every(({ have }) => have === pieceCount) ? file : undefined
    })
    await hub.types('list_chunkinfo lecture-04')
    await an.types('shared')
    page.say('Each thing that cannot be done is refused with its reason.')
    await an.types('publish lecture-04.mp4 another-name')
    await an.types('fetch lecture-04')
    await chi.types('fetch lecture-05')
    await binh.types('fetch lecture-04 ./sorting.mp4')
    await binh.types(`ping 127.0.0.1 ${(await binh.client.facts()).peerPort}`)
    await binh.types('ping 127.0.0.1 1')
    await an.types('unpublish lecture-04')
    await chi.types('list_files')
  } finally {
    for (const person of people) await person.stop()
    await hub.stop()
  }
}
