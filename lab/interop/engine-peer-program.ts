import { readFileSync } from 'node:fs'
import { createSession, type TorrentSnapshot } from '@shoal/engine'
import type { EngineReport, EngineTask } from './engine-peer.ts'

/*
 * One peer made of the engine alone, as somebody who embeds it would: gets a torrent, says from whom it got what, and
 * goes on sharing until its standard input closes. The command line does not tell that much.
 */

const task = JSON.parse(process.argv[2] ?? '{}') as EngineTask
const session = await createSession({
  host: task.address,
  listenPort: 0,
  ...(task.downloadRate === undefined ? {} : { downloadRateBytesPerSecond: task.downloadRate }),
})
const torrent = session.add({ ...source(task.what), dir: task.dir })
const report: EngineReport = { from: {} }
torrent.on('piece', () => note(torrent.snapshot()))
process.stdin.on('end', () => void session.close()).resume()
await torrent.whenDone()
note(torrent.snapshot())
process.stdout.write(`DONE ${JSON.stringify(report)}\n`)

function source(what: string): { magnet: string } | { metainfo: Uint8Array } {
  return what.startsWith('magnet:') ? { magnet: what } : { metainfo: readFileSync(what) }
}

/** Peers that have gone by the end are remembered as they were. */
function note({ peers }: TorrentSnapshot): void {
  for (const { host, port, client, downloaded } of peers) report.from[`${host}:${port}`] = { client, bytes: downloaded }
}
