import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contentOf, whenDone } from './tour-content.ts'
import { TourHub } from './tour-hub.ts'
import type { TourPage } from './tour-page.ts'
import { TourPerson } from './tour-person.ts'

const PASSWORD = 'correct horse battery'

/** Accounts, a folder, choosing from a list, and a transfer that is interrupted and goes on. */
export async function tellMemberStory(folder: string, page: TourPage): Promise<void> {
  page.heading('Members, a folder, and a transfer that is interrupted')
  page.say('This hub is for members only. Whoever runs it makes an account, and invites.')
  const hub = await TourHub.start(join(folder, 'hub'), page)
  const an = new TourPerson('an', folder, page)
  const binh = new TourPerson('binh', folder, page)
  try {
    await an.start()
    await binh.start()
    await hub.types('register teacher', PASSWORD, PASSWORD)
    await hub.types('settings visitors none')
    const invited = await hub.types('invite --uses 2')
    const code = /#(\S+)/.exec(invited)?.[1] ?? assert.fail(`There is no code in ${invited}`)
    for (const person of [an, binh]) {
      await person.types(`connect ${hub.address}`)
      await person.types(`register ${person.name} --invite ${code}`, PASSWORD, PASSWORD)
    }
    page.say(
      'Who has an account signs in with it from anywhere; passwords are asked for, and the token is kept in a file for its owner only.',
    )
    await an.types('logout')
    await an.types('login an', 'a wrong password')
    await an.types('login an', PASSWORD)
    page.say('A folder is shared as a whole. Others choose from the list.')
    mkdirSync(join(an.folder, 'course'))
    const content = contentOf(96 << 20, 3)
    writeFileSync(join(an.folder, 'course', 'lecture-01.mp4'), content.subarray(0, 64 << 20))
    writeFileSync(join(an.folder, 'course', 'lecture-02.mp4'), content.subarray(64 << 20))
    await an.types('publish course')
    await binh.types('list_files')
    page.say('Bình gets it slowly, so that there is time to interrupt it.')
    await binh.types('limit --down 20MB')
    await binh.types('fetch course')
    await whenDone(binh, 'course', 0.2)
    await binh.types('stop course')
    page.say('The peer itself is stopped and started again. It knows what it had, and `resume` goes on from there.')
    await binh.stop()
    await binh.start()
    await binh.types('l course')
    await binh.types('limit --down off')
    await binh.types('resume course')
    await whenDone(binh, 'course')
    await binh.types('list')
    await binh.types('files course')
    const copy = ['lecture-01.mp4', 'lecture-02.mp4'].map((name) => readFileSync(join(binh.folder, 'course', name)))
    assert.deepEqual(Buffer.concat(copy), content, 'the copy is equal')
  } finally {
    await binh.stop()
    await an.stop()
    await hub.stop()
  }
}
