import type { Command } from 'commander'
import { type CommandContext, command } from './command.ts'
import { isName, runAboutTorrent } from './named-torrent.ts'
import { magnetOf } from './torrent-description.ts'
import { readTorrentFile } from './torrent-source.ts'

export function build(context: CommandContext): Command {
  return command('magnet', 'Print the magnet link of a .torrent file', [
    ['shoal magnet lecture.torrent', 'the link, with its trackers; pass it on in place of the file'],
    ['shoal get "$(shoal magnet lecture.torrent)"', 'get by link; the quotes keep the shell away from its & signs'],
  ])
    .argument('<file.torrent>', 'the .torrent file, or the name of one of your torrents')
    .option('--json', 'one JSON object { magnet } instead')
    .action(async (path: string, { json }: { json?: true }) => {
      if (await isName(path)) return runAboutTorrent('magnet', path, json === true, context)
      const { metainfo } = await readTorrentFile(path)
      const magnet = magnetOf(metainfo)
      context.output.write(`${json ? JSON.stringify({ magnet }) : magnet}\n`)
    })
}
