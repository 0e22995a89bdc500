import { join, resolve } from 'node:path'
import { infoHashHex } from '@shoal/protocol/info-hash'
import type { Info } from '@shoal/protocol/metainfo/info'
import type { Command } from 'commander'
import { downloadFolder, transferStateFolder } from '../foreground/folders.ts'
import type { TransferRequest } from '../foreground/transfer.ts'
import { CliError } from '../render/failure.ts'
import { quoted } from '../render/text.ts'
import { type CommandContext, command } from './command.ts'
import { isName } from './named-torrent.ts'
import { fileNumbers, rate } from './option-values.ts'
import { readTorrentSource, type TorrentSource } from './torrent-source.ts'
import { requireFolder, type TransferOptions, withTransferOptions } from './transfer-options.ts'

interface GetOptions extends TransferOptions {
  readonly seed?: true
  readonly files?: number[]
  readonly sequential?: true
  readonly prealloc?: true
}

export function build(context: CommandContext): Command {
  const get = command('get', 'Get what somebody shares: by name, link, magnet link or .torrent file', [
    ['shoal get lecture-04', 'what your group shares under that name; your peer keeps sharing it'],
    ['shoal get lecture.torrent', 'into your download folder; ends when every piece is here and verified'],
    ['shoal get "magnet:?xt=urn:btih:..." --dir .', 'by link (in quotes), into the current folder'],
    ['shoal get lecture.torrent --files 1,3-5', 'only these files, by their numbers in "shoal show"'],
    ['shoal get lecture.torrent --seed', 'and go on sharing until Ctrl-C'],
  ])
    .argument('<name|link|magnet|file>', 'a name or link of your hub, the .torrent file, or the magnet link in quotes')
    .option('--dir <folder>', 'put it here; what is there already is checked and continued (default: your download folder)')
    .option('--seed', 'go on sharing when everything is here')
    .option('--files <numbers>', 'only these files, such as 1,3-5', fileNumbers)
    .option('--sequential', 'from the first piece to the last, to watch while it comes; slower for everybody')
    .option('--prealloc', 'reserve all space at once, instead of as it is needed')
    .option('--download-limit <rate>', 'get no faster than this: 5MB, 500KB', rate)
  return withTransferOptions(get).action(async (argument: string, options: GetOptions) => {
    if (/^https?:/i.test(argument) || (await isName(argument))) return getFromHub(argument, options, context)
    const source = await readTorrentSource(argument)
    const dir = resolve(options.dir ?? downloadFolder(context.environment))
    await requireFolder(dir, { mayBeMade: true })
    const files = options.files ?? (source.kind === 'magnet' ? source.magnet.selectedFiles : undefined)
    if (source.kind === 'file' && files !== undefined) requireFiles(files, source.metainfo.info)
    if (!namesAnybody(source, options) && options.json !== true) {
      context.messages.write('Note: it names no tracker and no peer, so somebody must connect to you. Name one with --tracker or --peer\n')
    }
    // The engine is loaded only now: help and refusals need none of it.
    const { runTransfer } = await import('./run-transfer.ts')
    const status = await runTransfer(
      {
        what: whatOf(source),
        dir,
        stateDir: options.state === undefined ? transferStateFolder(context.environment, infoHashOf(source), dir) : resolve(options.state),
        port: options.port,
        onlyShares: false,
        staysSharing: options.seed === true,
        files,
        isSequential: options.sequential === true,
        skipsCheck: options.skipCheck === true,
        preallocation: options.prealloc === true ? 'full' : 'sparse',
        uploadRateBytesPerSecond: options.uploadLimit ?? Number.POSITIVE_INFINITY,
        downloadRateBytesPerSecond: options.downloadLimit ?? Number.POSITIVE_INFINITY,
        trackers: options.tracker ?? [],
        peers: options.peer ?? [],
      },
      { purpose: 'get', json: options.json === true, context },
    )
    context.exitWith(status)
  })
}

/** Over the peer of this person, which goes on sharing it. */
async function getFromHub(what: string, { dir, json, ...others }: GetOptions, context: CommandContext): Promise<void> {
  const [unfit] = Object.keys(others).filter((option) => option !== 'seed')
  if (unfit !== undefined || (dir !== undefined && /^https?:/i.test(what))) {
    throw new CliError(
      'OPTION_INVALID',
      `Cannot use --${unfit ?? 'dir'} for ${quoted(what)}: your peer gets it. Say where it goes, and from whom: shoal fetch --help`,
    )
  }
  const { peerVerb, runPeerVerb } = await import('./run-peer-verb.ts')
  const destination = dir === undefined ? [] : [join(resolve(dir), what)]
  const words = { name: [what], destination, from: [] }
  await runPeerVerb(peerVerb('fetch'), { words, options: new Map([['wait', '']]), isJson: json === true }, context)
}

function whatOf(source: TorrentSource): TransferRequest['what'] {
  return source.kind === 'file' ? { metainfo: source.bytes, info: source.metainfo.info } : { magnet: source.text.trim() }
}

function namesAnybody(source: TorrentSource, { tracker = [], peer = [] }: GetOptions): boolean {
  const own = source.kind === 'file' ? source.metainfo.trackers.flat() : [...source.magnet.trackers, ...source.magnet.peers]
  return own.length + tracker.length + peer.length > 0
}

function infoHashOf(source: TorrentSource): string {
  const { infoHashV1, infoHashV2 } = source.kind === 'file' ? source.metainfo.info : source.magnet
  return infoHashHex(infoHashV1 ?? infoHashV2 ?? new Uint8Array())
}

/** A magnet link's numbers are checked by the engine when it knows the files. */
function requireFiles(files: readonly number[], info: Info): void {
  const beyond = files.find((fileIndex) => fileIndex >= info.files.length)
  if (beyond !== undefined) {
    throw new CliError('OPTION_INVALID', `Cannot get file ${beyond + 1}: there are only ${info.files.length}. Their numbers: shoal show`)
  }
}
