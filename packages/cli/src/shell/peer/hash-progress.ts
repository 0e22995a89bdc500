import type { Creation } from '@shoal/api/daemon-api'
import { formatBytes, formatPercent } from '@shoal/api/human'
import { fitted, quoted } from '../../render/text.ts'
import type { VerbCall } from '../verb.ts'
import { untilNews } from './daemon-news.ts'
import type { PeerWorld } from './peer-world.ts'

/** Shows how much of a file or folder has been hashed while `work` lets the daemon make a torrent of it. */
export async function whileHashing<T>(
  { world, signal, live }: Pick<VerbCall<PeerWorld>, 'world' | 'signal' | 'live'>,
  path: string,
  work: () => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const listening = untilNews<never>(world, AbortSignal.any([signal, stop.signal]), {
    look: async () => undefined,
    hear: (event) => {
      if (event.type === 'creation' && event.creation.path === path && event.creation.status === 'hashing') {
        const { creation } = event
        live(({ columns }) => [hashingLine(creation, columns())])
      }
      return undefined
    },
  }).catch(() => {}) // it is a comfort: what goes wrong is told by the work
  try {
    return await work()
  } finally {
    stop.abort()
    await listening
  }
}

/** `   42 %  hashing "lecture-04": 600 MiB of 1.42 GiB` */
export function hashingLine({ path, hashedBytes, totalBytes }: Creation, columns: number): string {
  const name = path.split(/[/\\]/).at(-1) ?? path
  const share = totalBytes === 0 ? '  0 %' : formatPercent(hashedBytes, totalBytes).padStart(5)
  return fitted(`  ${share}  hashing ${quoted(name)}: ${formatBytes(hashedBytes)} of ${formatBytes(totalBytes)}`, columns - 1)
}
