import { formatBytes, formatCounted, formatPercent, formatRate, formatTimeLeft } from '@shoal/api/human'
import type { TransferStatus } from '../foreground/transfer-event.ts'
import { pieceBar } from './piece-bar.ts'
import type { Palette } from './terminal.ts'
import { clean, fitted, padded, spread, widthOf } from './text.ts'

const INDENT = '  '
/** Below this a bar says nothing; other figures give way. */
const MIN_BAR_CELLS = 10
const RATE_CELLS = 9
const SHOWN_SOURCES = 3

/** The live view of one transfer: name and size, the piece bar with its figures, and what is going on. Never wider than `columns`. */
export function liveLines(status: TransferStatus, columns: number, palette: Palette): string[] {
  const cells = columns - INDENT.length - 1
  const title = spread(status.name === '' ? 'a magnet link' : clean(status.name), titleRight(status), cells)
  return [INDENT + palette.strong(title), INDENT + barLine(status, cells, palette), INDENT + newsLine(status, cells, palette)]
}

function titleRight(status: TransferStatus): string {
  const size = status.pieceCount === 0 ? 'size not known yet' : sizeOf(status)
  return status.peers.length === 0 ? size : `${size} · ${formatCounted(status.peers.length, 'peer')}`
}

function sizeOf(status: TransferStatus): string {
  const whole = formatBytes(status.totalSize)
  return status.wantedSize === status.totalSize ? whole : `${formatBytes(status.wantedSize)} of ${whole}`
}

function barLine(status: TransferStatus, cells: number, palette: Palette): string {
  const percent = formatPercent(status.haveBytes, status.wantedSize).padStart(5)
  const down = `↓ ${padded(formatRate(status.downloadRate), RATE_CELLS)}`
  const up = `↑ ${padded(formatRate(status.uploadRate), RATE_CELLS)}`
  const left = status.phase === 'downloading' ? formatTimeLeft(status.etaMs) : ''
  const figures = [percent, down, up, padded(left, 15)]
  // The last figures go first when the line is short.
  while (figures.length > 1 && cells - widthOf(figures.join('  ')) - 2 < MIN_BAR_CELLS) figures.pop()
  const shown = figures.join('  ')
  const bar = pieceBar(status.pieces ?? NO_PIECES, cells - widthOf(shown) - 2)
  const isComplete = status.haveBytes === status.wantedSize && status.pieceCount > 0
  return `${isComplete ? palette.good(bar) : bar}  ${shown}`.trimEnd()
}

function newsLine(status: TransferStatus, cells: number, palette: Palette): string {
  switch (status.phase) {
    case 'fetching-metadata':
      return status.peers.length === 0
        ? palette.waiting(fitted('looking for somebody who has it', cells))
        : palette.dim(fitted(`asking ${formatCounted(status.peers.length, 'peer')} what is in it`, cells))
    case 'checking':
      return palette.dim(fitted(`checking what is here already: ${formatPercent(status.checked, 1)}`, cells))
    case 'downloading':
      if (status.peers.length === 0) return palette.waiting(fitted('nobody who has it is connected; waiting for somebody to come', cells))
      return palette.dim(fitted(sourcesOf(status), cells))
    case 'finished':
    case 'seeding':
      return palette.dim(fitted(`${sharingOf(status)}   (Ctrl-C to stop)`, cells))
    case 'waiting-for-disk':
      return palette.waiting(fitted('the disk is full; paused until there is space', cells))
    case 'moving':
      return palette.dim(fitted('moving its files', cells))
    case 'stopped':
      return palette.dim(fitted('stopping', cells))
    case 'failed':
      return palette.bad(fitted('failed', cells))
  }
}

/** `from 192.168.1.10:6881 58 %, 192.168.1.12:6881 31 %, 2 others` */
function sourcesOf(status: TransferStatus): string {
  const sources = status.peers.filter((peer) => peer.downloadRate > 0).sort((a, b) => b.downloadRate - a.downloadRate)
  if (sources.length === 0) return `connected to ${formatCounted(status.peers.length, 'peer')}; nothing comes yet`
  const together = sources.reduce((sum, peer) => sum + peer.downloadRate, 0)
  const named = sources.slice(0, SHOWN_SOURCES).map((peer) => `${peer.address} ${Math.round((peer.downloadRate / together) * 100)} %`)
  const others = sources.length - named.length
  return `from ${named.join(', ')}${others > 0 ? `, ${formatCounted(others, 'other')}` : ''}`
}

function sharingOf(status: TransferStatus): string {
  const sent = `${formatBytes(status.uploaded)} sent`
  return status.peers.length === 0
    ? `sharing; nobody is connected now, ${sent}`
    : `sharing with ${formatCounted(status.peers.length, 'peer')}, ${sent}`
}

const NO_PIECES = { size: 1, has: () => false }
