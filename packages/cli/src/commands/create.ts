import { basename, relative, resolve } from 'node:path'
import { formatBytes, formatCounted, formatDuration, formatPercent } from '@shoal/api/human'
import type { CreatedTorrent } from '@shoal/engine/create-torrent'
import type { Command } from 'commander'
import { LiveBlock } from '../render/live-block.ts'
import type { Terminal } from '../render/terminal.ts'
import { clean, fitted, padded, quoted } from '../render/text.ts'
import { type CommandContext, command } from './command.ts'
import { requireFree, writeNewFile } from './new-file.ts'
import { pieceLength, trackerUrl, webSeedUrl } from './option-values.ts'
import { exitStatusOfSignal, StopSignals } from './stop-signals.ts'
import { magnetOf } from './torrent-description.ts'

interface CreateOptions {
  readonly output?: string
  readonly tracker?: string[]
  readonly pieceLength?: number
  readonly private?: true
  readonly comment?: string
  readonly webSeed?: string[]
  readonly source?: string
  readonly pad?: true
  readonly force?: true
  readonly json?: true
}

export function build(context: CommandContext): Command {
  return command('create', 'Make a .torrent file of a file or folder', [
    ['shoal create lecture --tracker http://127.0.0.1:6880/announce', 'writes lecture.torrent, to be shared through your hub'],
    ['shoal create disk.img -o /tmp/disk.torrent --piece-length 4MiB', 'another name, bigger pieces'],
    ['shoal create course --private --tracker URL1 --tracker URL2', 'peers come from these trackers only; the second one is the spare'],
  ])
    .argument('<path>', 'the file or folder to share')
    .option('-o, --output <file.torrent>', 'write it here (default: <name>.torrent in the current folder)')
    .option('--tracker <url>', 'announce to this tracker (can be given again: spares, in this order)', trackerUrl)
    .option('--piece-length <n>', 'bytes in a piece: 262144, 256KiB, 1MiB (default: chosen by size)', pieceLength)
    .option('--private', 'peers come from the trackers only, never from other peers')
    .option('--comment <text>', 'a note for people, seen by everybody')
    .option('--web-seed <url>', 'a web server that has the same data (can be given again)', webSeedUrl)
    .option('--source <name>', 'where it is made for: other names give other info hashes')
    .option('--pad', 'let every file begin with a piece: equal files are equal in every torrent')
    .option('--force', 'replace the .torrent file that is there')
    .option('--json', 'one JSON object instead of lines for people')
    .action((path: string, options: CreateOptions) => create(path, options, context))
}

async function create(path: string, options: CreateOptions, context: CommandContext): Promise<void> {
  const content = resolve(path)
  const target = resolve(options.output ?? `${basename(content)}.torrent`)
  if (!options.force) await requireFree(target)
  const begun = performance.now()
  const signals = new StopSignals()
  const abort = new AbortController()
  void signals.whenReceived().then(() => abort.abort())
  const progress = new HashProgress(basename(content), context.messages)
  try {
    const { createTorrent } = await import('@shoal/engine/create-torrent')
    const torrent = await createTorrent(content, {
      ...(options.tracker === undefined ? {} : { trackers: options.tracker.map((url) => [url]) }),
      ...(options.webSeed === undefined ? {} : { webSeeds: options.webSeed }),
      ...(options.pieceLength === undefined ? {} : { pieceLength: options.pieceLength }),
      ...(options.comment === undefined ? {} : { comment: options.comment }),
      ...(options.source === undefined ? {} : { source: options.source }),
      createdBy: `Shoal ${context.version}`,
      isPrivate: options.private === true,
      padding: options.pad === true,
      hashHere: true,
      signal: abort.signal,
      onProgress: ({ hashedBytes, totalBytes }) => progress.show(hashedBytes, totalBytes),
    })
    const elapsedMs = performance.now() - begun
    await writeNewFile(target, torrent.bytes, { mayReplace: options.force === true })
    progress.end()
    const magnet = magnetOf({ info: torrent.info, trackers: (options.tracker ?? []).map((url) => [url]), webSeeds: options.webSeed ?? [] })
    report({ torrent, magnet, target, elapsedMs, json: options.json === true }, context.output)
  } catch (error) {
    progress.end()
    if (signals.first === undefined) throw error
    context.messages.write('Stopped; nothing was written\n')
    context.exitWith(exitStatusOfSignal(signals.first))
  } finally {
    signals.ignore()
  }
}

interface Report {
  readonly torrent: CreatedTorrent
  readonly magnet: string
  readonly target: string
  readonly elapsedMs: number
  readonly json: boolean
}

function report({ torrent, magnet, target, elapsedMs, json }: Report, output: Terminal): void {
  const { info, infoHashV1, root, warnings } = torrent
  const fileCount = info.files.filter((file) => !file.isPadding).length
  if (json) {
    const { name, pieceLength, pieceCount, totalSize } = info
    output.write(`${JSON.stringify({ file: target, name, infoHashV1, pieceLength, pieceCount, totalSize, fileCount, magnet, warnings })}\n`)
    return
  }
  const shown = relative('.', target)
  const { dim, strong } = output.palette
  const size = `${formatCounted(fileCount, 'file')} · ${formatBytes(info.totalSize)} · ${formatCounted(info.pieceCount, 'piece')} of ${formatBytes(info.pieceLength)}`
  output.write(`  ${strong(clean(info.name))}    ${size}    ${dim(`hashed in ${formatDuration(elapsedMs)}`)}\n`)
  for (const [label, value] of [
    ['torrent', shown],
    ['info hash', infoHashV1],
    ['magnet', magnet],
    ['share it', `shoal seed ${shellWord(shown)} --dir ${shellWord(relative('.', root) || '.')}`],
  ] as const) {
    output.write(`  ${dim(padded(label, 12))}${value}\n`)
  }
  if (!magnet.includes('&tr=')) {
    output.write('\n  It names no tracker: others must be told where you are (shoal get --peer). Name one with --tracker.\n')
  }
  for (const warning of warnings) output.write(`\n  ${output.palette.waiting(`Note: ${clean(warning)}`)}\n`)
}

/** How much has been hashed, on a terminal only: one line, at most four times a second. */
class HashProgress {
  readonly #name: string
  readonly #terminal: Terminal
  readonly #block: LiveBlock
  #shownAt = performance.now()

  constructor(name: string, terminal: Terminal) {
    this.#name = name
    this.#terminal = terminal
    this.#block = new LiveBlock(terminal)
  }

  show(hashedBytes: number, totalBytes: number): void {
    const now = performance.now()
    if (!this.#terminal.isLive || now - this.#shownAt < 250) return
    this.#shownAt = now
    const line = `  ${formatPercent(hashedBytes, totalBytes).padStart(5)}  hashing ${quoted(this.#name)}: ${formatBytes(hashedBytes)} of ${formatBytes(totalBytes)}`
    this.#block.draw([fitted(line, this.#terminal.columns() - 1)])
  }

  end(): void {
    this.#block.clear()
  }
}

/** The word as a shell takes it back. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
