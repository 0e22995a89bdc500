import type { TorrentItem, TorrentStatus } from '@shoal/api/daemon-api'
import { formatBytes, formatCounted, formatPercent, formatRate, formatTimeLeft } from '@shoal/api/human'
import type { Bitfield } from '@shoal/protocol/bitfield'
import { pieceBar } from '../../render/piece-bar.ts'
import type { Palette } from '../../render/terminal.ts'
import { clean, fitted, padded, spread, widthOf } from '../../render/text.ts'

/** Which pieces are here; a bitfield is one. */
type PieceSet = Pick<Bitfield, 'size' | 'has'>

const STATUS_WORDS: Readonly<Record<TorrentStatus, string>> = {
  'fetching-metadata': 'asking what it is',
  checking: 'checking',
  downloading: 'downloading',
  'waiting-for-disk': 'disk is full',
  finished: 'complete',
  seeding: 'sharing',
  paused: 'paused',
  queued: 'waits its turn',
  moving: 'moving',
  failed: 'failed',
}

/** `checking 42 %` */
export function statusText({ status, workProgress }: TorrentItem): string {
  const word = STATUS_WORDS[status]
  return workProgress === undefined ? word : `${word} ${formatPercent(workProgress, 1)}`
}

/** Everything that is wanted is here and verified. */
export function isComplete({ size, wantedSize, haveBytes, status }: TorrentItem): boolean {
  const isBusy = status === 'checking' || status === 'fetching-metadata'
  return size > 0 && haveBytes >= wantedSize && !isBusy
}

/** Whether something moves that a person may want to see. */
export function isGoingOn(torrent: TorrentItem): boolean {
  switch (torrent.status) {
    case 'fetching-metadata':
    case 'checking':
    case 'downloading':
    case 'waiting-for-disk':
    case 'moving':
      return true
    case 'finished':
    case 'seeding':
    case 'paused':
    case 'queued':
    case 'failed':
      return false
  }
}

/** `1.42 GiB down, 38 MiB up` */
export function totalsText({ downloaded, uploaded }: Pick<TorrentItem, 'downloaded' | 'uploaded'>): string {
  return `${formatBytes(downloaded)} down, ${formatBytes(uploaded)} up`
}

const INDENT = '  '
const RATE_CELLS = 9
const MIN_BAR_CELLS = 10

/** A transfer while it goes on: its name and size, and the bar with its figures. Never wider than `columns`. */
export function transferLines(torrent: TorrentItem, pieces: PieceSet | undefined, columns: number, palette: Palette): string[] {
  const cells = columns - INDENT.length - 1
  const size = torrent.size === 0 ? 'size not known yet' : formatBytes(torrent.wantedSize)
  const right = torrent.peers === 0 ? size : `${size} · ${formatCounted(torrent.peers, 'peer')}`
  return [INDENT + palette.strong(spread(clean(torrent.name), right, cells)), INDENT + barLine(torrent, pieces, cells, palette)]
}

function barLine(torrent: TorrentItem, pieces: PieceSet | undefined, cells: number, palette: Palette): string {
  if (torrent.status !== 'downloading') return waitingLine(torrent, cells, palette)
  const figures = [
    formatPercent(torrent.haveBytes, torrent.wantedSize).padStart(5),
    `↓ ${padded(formatRate(torrent.downloadRate), RATE_CELLS)}`,
    `↑ ${padded(formatRate(torrent.uploadRate), RATE_CELLS)}`,
    padded(formatTimeLeft(torrent.etaMs ?? undefined), 15),
  ]
  // The last figures go first when the line is short.
  while (figures.length > 1 && cells - widthOf(figures.join('  ')) - 2 < MIN_BAR_CELLS) figures.pop()
  const shown = figures.join('  ')
  return `${pieceBar(pieces ?? shareOf(torrent), cells - widthOf(shown) - 2)}  ${shown}`.trimEnd()
}

function waitingLine(torrent: TorrentItem, cells: number, palette: Palette): string {
  const text = torrent.error === undefined ? statusText(torrent) : `${statusText(torrent)}: ${clean(torrent.error.detail)}`
  return palette.waiting(fitted(text, cells))
}

/** As if the pieces came in order: who lists torrents does not know which there are. */
function shareOf({ haveBytes, wantedSize }: TorrentItem): PieceSet {
  const size = 1_000
  return { size, has: (piece) => wantedSize > 0 && (piece + 1) / size <= haveBytes / wantedSize }
}
