import type { TorrentError, TorrentItem } from '@shoal/api/daemon-api'
import { decodePieceMap } from '@shoal/api/piece-map'
import { ProblemError } from '@shoal/api/problem'
import type { Bitfield } from '@shoal/protocol/bitfield'
import { quoted } from '../../render/text.ts'
import { untilNews } from './daemon-news.ts'
import type { PeerWorld } from './peer-world.ts'
import { isComplete } from './torrent-text.ts'

/** Why the daemon could not do it, with its code. */
export class WorkError extends Error {
  override readonly name = 'WorkError'
  readonly code: string
  constructor({ code, detail }: TorrentError) {
    super(detail)
    this.code = code
  }
}

/**
 * Looks at a torrent until everything that is wanted of it is here.
 *
 * @param onLook hears of every change, with the pieces that are here as far as they are known
 * @throws {WorkError} what stopped it; {ProblemError} `CONFLICT` when somebody paused or removed it; the signal's reason
 */
export async function followTorrent(
  world: Pick<PeerWorld, 'client' | 'chance'>,
  id: string,
  signal: AbortSignal,
  onLook: (torrent: TorrentItem, pieces: Bitfield | undefined) => void,
): Promise<TorrentItem> {
  let pieceCount = 0
  let pieces: Bitfield | undefined
  let last: TorrentItem | undefined
  const look = (torrent: TorrentItem): TorrentItem | undefined => {
    last = torrent
    onLook(torrent, pieces)
    return whenDone(torrent)
  }
  return untilNews<TorrentItem>(world, signal, {
    watch: id,
    look: async (stop) => {
      const detail = await world.client.torrent(id, stop)
      pieceCount = detail.pieceCount
      pieces = decodePieceMap(detail.pieces, pieceCount)
      return look(detail)
    },
    hear: (event) => {
      if (event.type === 'pieces' && event.id === id) {
        pieces = decodePieceMap(event.pieces, pieceCount)
        return last === undefined ? undefined : look(last)
      }
      if (event.type !== 'torrents') return undefined
      if (event.removed.includes(id)) throw new ProblemError('CONFLICT', 'It was removed meanwhile. What is there of it stays')
      const changed = event.changed.find((torrent) => torrent.id === id)
      return changed === undefined ? undefined : look(changed)
    },
  })
}

function whenDone(torrent: TorrentItem): TorrentItem | undefined {
  if (torrent.status === 'failed') throw new WorkError(torrent.error ?? { code: 'BUG', detail: 'It failed, and nobody said why' })
  if (isComplete(torrent)) return torrent
  if (torrent.status !== 'paused') return undefined
  throw new ProblemError('CONFLICT', `${quoted(torrent.name)} was paused before everything was here. It goes on with: resume`)
}
