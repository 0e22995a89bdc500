import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { TorrentMaker } from '../shell/peer/peer-world.ts'
import { requireFree, writeNewFile } from './new-file.ts'
import { magnetOf } from './torrent-description.ts'

/** Makes torrents in this process; the engine is loaded when the first one is wanted. */
export function torrentMaker(version: string): TorrentMaker {
  return {
    make: async ({ path, target, trackers, signal }) => {
      await requireFree(target)
      const { createTorrent } = await import('@shoal/engine/create-torrent')
      const tiers = trackers.map((url) => [url])
      const { bytes, info, infoHashV1, warnings } = await createTorrent(path, { trackers: tiers, createdBy: `Shoal ${version}`, signal })
      await mkdir(dirname(target), { recursive: true })
      await writeNewFile(target, bytes, { mayReplace: false })
      const { name, totalSize, pieceLength, pieceCount } = info
      const magnet = magnetOf({ info, trackers: tiers, webSeeds: [] })
      return { file: target, name, infoHash: infoHashV1, size: totalSize, pieceLength, pieceCount, magnet, warnings }
    },
  }
}
