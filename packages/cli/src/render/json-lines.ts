import type { TransferEvent, TransferStatus } from '../foreground/transfer-event.ts'
import type { Terminal } from './terminal.ts'
import type { TransferView } from './transfer-view.ts'

/**
 * A transfer for programs: one JSON object a line, each with its `event`.
 *
 * `progress` comes at most twice a second and only when something has changed. Names are as the torrent has them:
 * JSON keeps them apart from the rest, so nothing is cleaned.
 */
export class JsonLines implements TransferView {
  readonly intervalMs = 500
  readonly #terminal: Terminal
  #lastProgress = ''

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  status(status: TransferStatus): void {
    const progress = JSON.stringify({ event: 'progress', ...progressOf(status) })
    if (progress === this.#lastProgress) return
    this.#lastProgress = progress
    this.#terminal.write(`${progress}\n`)
  }

  event(event: TransferEvent): void {
    const { type, ...rest } = event
    const said = 'status' in rest ? { ...rest, status: undefined, ...progressOf(rest.status), name: rest.status.name } : rest
    this.#terminal.write(`${JSON.stringify({ event: type, ...said })}\n`)
  }

  end(): void {}
}

function progressOf(status: TransferStatus): Record<string, unknown> {
  return {
    phase: status.phase,
    haveBytes: status.haveBytes,
    wantedSize: status.wantedSize,
    totalSize: status.totalSize,
    ...(status.phase === 'checking' ? { checked: Math.round(status.checked * 1000) / 1000 } : {}),
    downloadRate: Math.round(status.downloadRate),
    uploadRate: Math.round(status.uploadRate),
    downloaded: status.downloaded,
    uploaded: status.uploaded,
    peers: status.peers.length,
    seeds: status.seedCount,
    etaMs: status.etaMs === undefined ? undefined : Math.round(status.etaMs),
  }
}
