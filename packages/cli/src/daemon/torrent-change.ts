import type { TorrentChange } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import type { HeldTorrent } from './held-torrent.ts'
import { readTiers } from './torrent-adder.ts'
import type { TorrentRecord } from './torrent-record.ts'
import { fileItems } from './torrent-view.ts'
import type { Torrents } from './torrents.ts'

/** Changes what a person may change of a torrent: all of it or, when something is refused, nothing. @throws {ProblemError} `VALIDATION`, `CONFLICT` */
export async function changeTorrent(held: HeldTorrent, change: TorrentChange, torrents: Torrents): Promise<void> {
  const { name, queuePosition, trackers, priorities, goals, ...plain } = change
  const tiers = trackers === undefined ? undefined : readTiers(trackers)
  if (queuePosition !== undefined && held.record.isPaused) {
    throw new ProblemError('CONFLICT', `'${held.record.name}' is paused, so it has no place in the queue. Resume it first`)
  }
  const wanted = priorities === undefined ? {} : await withPriorities(held, priorities)
  held.steer({
    ...plain,
    ...wanted,
    ...(name === undefined ? {} : { title: name }),
    ...(goals === undefined ? {} : { goals, areGoalsMet: false }),
    ...(tiers === undefined ? {} : { trackers: tiers }),
  })
  if (queuePosition !== undefined) torrents.moveTo(held, queuePosition)
  torrents.decideSoon()
}

async function withPriorities(held: HeldTorrent, changes: NonNullable<TorrentChange['priorities']>): Promise<Partial<TorrentRecord>> {
  const metainfo = await held.readMetainfo()
  if (metainfo === undefined) {
    throw new ProblemError('CONFLICT', `The files of '${held.record.name}' are not known yet: its metadata has not come`)
  }
  const { files, pieceLength, pieceCount } = metainfo.info
  const digits = held.record.priorities?.split('') ?? files.map(() => '4')
  for (const { index, priority } of changes) {
    if (index >= files.length)
      throw new ProblemError('VALIDATION', `There is no file ${index}: the torrent has ${files.length}, counted from 0`)
    digits[index] = String(priority)
  }
  const priorities = digits.join('')
  const have = held.pieces ?? held.piecesAtRest(pieceCount)
  const items = fileItems({ id: held.id, files, pieceLength, have, isComplete: false, priorities }).filter(({ priority }) => priority > 0)
  if (items.length === 0) throw new ProblemError('VALIDATION', 'At least one file must be wanted: pause or remove the torrent instead')
  return {
    priorities,
    wantedSize: items.reduce((sum, item) => sum + item.size, 0),
    haveBytes: items.reduce((sum, item) => sum + item.haveBytes, 0),
  }
}
