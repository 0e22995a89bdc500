import { formatBytes, formatCounted } from '@shoal/api/human'
import type { Command } from 'commander'
import type { Palette, Terminal } from '../render/terminal.ts'
import { clean, fitted, padded, quoted, spread } from '../render/text.ts'
import { type CommandContext, command } from './command.ts'
import { isName, runAboutTorrent } from './named-torrent.ts'
import { describeMagnet, describeMetainfo, type TorrentDescription } from './torrent-description.ts'
import { readTorrentSource } from './torrent-source.ts'

export function build(context: CommandContext): Command {
  return command('show', 'Show what is in a .torrent file or magnet link, or how a torrent of yours is', [
    ['shoal show lecture.torrent', 'name, files with their numbers, hashes, trackers, magnet link'],
    ['shoal show --json lecture.torrent | jq .totalSize', 'the same for programs'],
    ['shoal show "magnet:?xt=urn:btih:..."', 'what the link itself says; put it in quotes'],
    ['shoal show lecture', 'how far it is, where it lies, who is connected'],
  ])
    .argument('<file.torrent|magnet|name>', 'the .torrent file, the magnet link in quotes, or one of your torrents')
    .option('--json', 'one JSON object instead of lines for people')
    .action(async (argument: string, { json }: { json?: true }) => {
      if (await isName(argument)) return runAboutTorrent('show', argument, json === true, context)
      const source = await readTorrentSource(argument)
      const description = source.kind === 'file' ? describeMetainfo(source.metainfo) : describeMagnet(source.magnet)
      if (json) {
        context.output.write(`${JSON.stringify(description)}\n`)
        return
      }
      const extra =
        source.kind === 'file'
          ? {
              comment: source.metainfo.comment,
              createdBy: source.metainfo.createdBy,
              warnings: [...source.metainfo.warnings, ...source.metainfo.info.warnings],
            }
          : { comment: undefined, createdBy: undefined, warnings: [] }
      for (const line of describedLines(description, extra, context.output)) context.output.write(`${line}\n`)
    })
}

interface Extra {
  readonly comment: string | undefined
  readonly createdBy: string | undefined
  readonly warnings: readonly string[]
}

const LABEL_CELLS = 12

function describedLines(torrent: TorrentDescription, extra: Extra, terminal: Terminal): string[] {
  const { palette, isLive } = terminal
  const cells = terminal.columns() - 3
  const lines: string[] = []
  const row = (label: string, value: string): void => {
    lines.push(`  ${palette.dim(padded(label, LABEL_CELLS))}${value}`)
  }
  const size = torrent.totalSize === null ? 'size not known yet' : formatBytes(torrent.totalSize)
  lines.push(`  ${palette.strong(spread(torrent.name === null ? 'no name yet' : clean(torrent.name), size, cells))}`)
  lines.push(`  ${summaryOf(torrent)}`, '')
  if (torrent.infoHashV1 !== null) row('info hash', torrent.infoHashV1)
  if (torrent.infoHashV2 !== null) row(torrent.infoHashV1 === null ? 'info hash' : 'v2', torrent.infoHashV2)
  torrent.trackers.forEach((tier, index) => {
    row(index === 0 ? 'trackers' : '', tier.map(clean).join(', '))
  })
  torrent.webSeeds.forEach((url, index) => {
    row(index === 0 ? 'web seeds' : '', clean(url))
  })
  if (extra.comment !== undefined) row('comment', quoted(extra.comment))
  if (extra.createdBy !== undefined) row('made with', quoted(extra.createdBy))
  row('magnet', torrent.magnet)
  if (torrent.files.length > 0) lines.push('', ...fileLines(torrent, isLive ? cells : Number.POSITIVE_INFINITY, palette))
  for (const warning of extra.warnings) lines.push('', `  ${palette.waiting(`Note: ${clean(warning)}`)}`)
  return lines
}

function summaryOf(torrent: TorrentDescription): string {
  const parts: string[] = []
  const fileCount = torrent.files.filter((file) => file.pad !== true).length
  if (fileCount > 0) parts.push(formatCounted(fileCount, 'file'))
  if (torrent.pieceCount !== null && torrent.pieceLength !== null) {
    parts.push(`${formatCounted(torrent.pieceCount, 'piece')} of ${formatBytes(torrent.pieceLength)}`)
  }
  parts.push(`BitTorrent ${torrent.version}`)
  if (torrent.private) parts.push('private: only its own trackers are asked for peers')
  return parts.join(' · ')
}

/** Paths are cut only where a person looks, never in a pipe. Padding has a number too, since numbers are places in the list, but nobody needs to see it. */
function fileLines(torrent: TorrentDescription, cells: number, palette: Palette): string[] {
  const numberCells = String(torrent.files.length).length
  return torrent.files.flatMap((file, index) => {
    if (file.pad) return []
    const size = formatBytes(file.length).padStart(9)
    const marks = (file.symlink === undefined ? '' : ` -> ${clean(file.symlink)}`) + (file.executable ? ' (executable)' : '')
    return [
      `  ${palette.dim(String(index + 1).padStart(numberCells))}  ${size}  ${fitted(clean(file.path) + marks, cells - numberCells - 13)}`,
    ]
  })
}
