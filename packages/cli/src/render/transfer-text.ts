import { isAbsolute, relative, sep } from 'node:path'
import { formatBytes, formatCounted, formatDuration, formatPercent, formatRate, formatTimeLeft } from '@shoal/api/human'
import type { TransferEvent, TransferStatus } from '../foreground/transfer-event.ts'
import type { Palette } from './terminal.ts'
import { clean, quoted } from './text.ts'
import type { TransferPurpose } from './transfer-view.ts'

/**
 * An event as a line for people, or undefined when it is not worth one.
 *
 * Two lines are for scripts too, and so never begin with a colour: the one of `READY` (seed) and the one of `DONE` (get).
 */
export function eventLine(event: TransferEvent, purpose: TransferPurpose, palette: Palette): string | undefined {
  switch (event.type) {
    case 'start':
      return event.portNote === undefined ? undefined : palette.waiting(`Note: ${event.portNote}`)
    case 'metadata':
      return purpose === 'get'
        ? `Getting ${quoted(event.name)}: ${formatBytes(event.totalSize)} in ${formatCounted(event.fileCount, 'file')}, ${formatCounted(event.pieceCount, 'piece')}`
        : undefined
    case 'ready':
      return purpose === 'seed' ? readyLine(event) : undefined
    case 'done':
      return purpose === 'get' ? doneLine(event, palette) : undefined
    case 'tracker':
      return event.isWorking
        ? `Tracker ${clean(event.url)} answers again`
        : palette.waiting(
            `Tracker ${clean(event.url)} cannot be used now: ${clean(event.message ?? 'no answer')}. It is tried again by itself`,
          )
    case 'peer-banned':
      return palette.waiting(
        `Banned ${event.address} (${clean(event.client)}): it sent wrong data for piece ${event.pieceIndex}. Fetched again from others`,
      )
    case 'waiting':
      return palette.waiting('Nobody who has it is connected. Waiting; it goes on by itself when somebody comes')
    case 'going-on':
      return `Connected to ${formatCounted(event.peerCount, 'peer')} again`
    case 'disk-full':
      return palette.waiting(`Paused: ${clean(event.message)} (${event.code}). It goes on by itself when there is space`)
    case 'disk-ready':
      return 'There is space again: going on'
    case 'warning':
      return palette.waiting(`Note: ${clean(event.message)} (${event.code})`)
    case 'stopping':
      return palette.dim('Stopping: telling the tracker (Ctrl-C again leaves at once)')
    case 'stopped':
      return stoppedLine(event, purpose)
  }
}

/** `61 %  880 MiB of 1.42 GiB  down 412 MB/s  up 38 MB/s  4 peers  1.4 s left` */
export function progressLine(status: TransferStatus): string {
  if (status.phase === 'checking') return `Checking what is here already: ${formatPercent(status.checked, 1)}`
  const parts = [
    `${formatPercent(status.haveBytes, status.wantedSize).padStart(5)}  ${formatBytes(status.haveBytes)} of ${formatBytes(status.wantedSize)}`,
    `down ${formatRate(status.downloadRate)}`,
    `up ${formatRate(status.uploadRate)}`,
    formatCounted(status.peers.length, 'peer'),
  ]
  const left = formatTimeLeft(status.etaMs)
  if (left !== '') parts.push(left)
  return parts.join('  ')
}

function readyLine(event: Extract<TransferEvent, { type: 'ready' }>): string {
  const { status } = event
  const here = formatPercent(status.haveBytes, status.wantedSize)
  return `READY ${quoted(status.name)} port=${event.port} size=${status.totalSize} have=${here.replace(' ', '')} infohash=${event.infoHash}`
}

function doneLine(event: Extract<TransferEvent, { type: 'done' }>, palette: Palette): string {
  const size = formatBytes(event.bytes)
  const how =
    event.downloaded === 0
      ? `${size} were here already`
      : `${size} in ${formatDuration(event.elapsedMs)} (${formatRate((event.downloaded * 1000) / Math.max(1, event.elapsedMs))})`
  const stays = event.staysSharing ? palette.dim('   (still sharing, Ctrl-C to stop)') : ''
  return `DONE ${quoted(event.name)} ${palette.good('✓')} ${how}, every piece verified: ${clean(shortPath(event.path))}${stays}`
}

/** From the current folder when it is below it, else as it is. */
function shortPath(path: string): string {
  const fromHere = relative('.', path)
  return fromHere.startsWith('..') || isAbsolute(fromHere) ? path : `.${sep}${fromHere}`
}

function stoppedLine(event: Extract<TransferEvent, { type: 'stopped' }>, purpose: TransferPurpose): string {
  const { status } = event
  if (purpose === 'get' && status.haveBytes < status.wantedSize) {
    return `Stopped at ${formatPercent(status.haveBytes, status.wantedSize)}. The same command goes on from there`
  }
  return `Stopped after ${formatDuration(event.elapsedMs)}: ${formatBytes(status.uploaded)} sent to others`
}
