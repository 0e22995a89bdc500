import { resolve } from 'node:path'
import { infoHashHex } from '@shoal/protocol/info-hash'
import type { Command } from 'commander'
import { transferStateFolder } from '../foreground/folders.ts'
import { CliError } from '../render/failure.ts'
import { type CommandContext, command } from './command.ts'
import { readTorrentFile } from './torrent-source.ts'
import { requireFolder, type TransferOptions, withTransferOptions } from './transfer-options.ts'

export function build(context: CommandContext): Command {
  const seed = command('seed', 'Share the data of a .torrent file until you stop it', [
    ['shoal seed lecture.torrent', 'share ./lecture; Ctrl-C tells the tracker and stops'],
    ['shoal seed lecture.torrent --dir /data --upload-limit 5MB', 'the data is in /data, and 5 MB/s is enough'],
    ['shoal seed lecture.torrent --json', 'for programs: the first line with "event":"ready" says that it is shared'],
  ])
    .argument('<file.torrent>', 'the .torrent file')
    .option('--dir <folder>', 'the folder that holds the data (default: the current folder)')
  return withTransferOptions(seed).action(async (path: string, options: TransferOptions) => {
    if (/^\s*magnet:/i.test(path)) {
      throw new CliError(
        'OPTION_INVALID',
        'Cannot seed a magnet link: it does not say what the data is. Give the .torrent file, or: shoal get --seed',
      )
    }
    const { bytes, metainfo } = await readTorrentFile(path)
    const dir = resolve(options.dir ?? '.')
    await requireFolder(dir, { mayBeMade: false })
    const { info } = metainfo
    const infoHash = infoHashHex(info.infoHashV1 ?? info.infoHashV2 ?? new Uint8Array())
    // The engine is loaded only now: help and refusals need none of it.
    const { runTransfer } = await import('./run-transfer.ts')
    const status = await runTransfer(
      {
        what: { metainfo: bytes, info },
        dir,
        stateDir: options.state === undefined ? transferStateFolder(context.environment, infoHash, dir) : resolve(options.state),
        port: options.port,
        onlyShares: true,
        staysSharing: true,
        files: undefined,
        isSequential: false,
        skipsCheck: options.skipCheck === true,
        preallocation: 'sparse',
        uploadRateBytesPerSecond: options.uploadLimit ?? Number.POSITIVE_INFINITY,
        downloadRateBytesPerSecond: Number.POSITIVE_INFINITY,
        trackers: options.tracker ?? [],
        peers: options.peer ?? [],
      },
      { purpose: 'seed', json: options.json === true, context },
    )
    context.exitWith(status)
  })
}
