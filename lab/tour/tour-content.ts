import { until } from '../interop/deadline.ts'
import type { TourPerson } from './tour-person.ts'

/** Bytes that look like nothing, the same for the same seed (xorshift). */
export function contentOf(size: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = seed
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  return Buffer.from(words.buffer, 0, size)
}

/** Waits until a torrent has a share of what is wanted: all of it unless said. */
export async function whenDone({ client, name: who }: TourPerson, name: string, share = 1): Promise<void> {
  await until(`${who} has ${name}`, async () => {
    const torrent = (await client.torrents()).find((each) => each.name === name)
    if (torrent === undefined || torrent.size === 0 || torrent.status === 'checking') return undefined
    return torrent.haveBytes >= torrent.wantedSize * share ? torrent : undefined
  })
}
