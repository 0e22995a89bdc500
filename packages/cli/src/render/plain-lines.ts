import type { TransferEvent, TransferStatus } from '../foreground/transfer-event.ts'
import type { Terminal } from './terminal.ts'
import { eventLine, progressLine } from './transfer-text.ts'
import type { TransferPurpose, TransferView } from './transfer-view.ts'

/** A transfer as lines that never change: for pipes, logs, dumb terminals and screen readers. */
export class PlainLines implements TransferView {
  readonly intervalMs = 2_000
  readonly #terminal: Terminal
  readonly #purpose: TransferPurpose
  #lastLine = ''

  constructor(terminal: Terminal, purpose: TransferPurpose) {
    this.#terminal = terminal
    this.#purpose = purpose
  }

  status(status: TransferStatus): void {
    const isNews = status.phase === 'checking' || (status.phase === 'downloading' && status.peers.length > 0)
    if (!isNews) return
    const line = progressLine(status)
    if (line === this.#lastLine) return
    this.#lastLine = line
    this.#terminal.write(`${line}\n`)
  }

  event(event: TransferEvent): void {
    const line = eventLine(event, this.#purpose, this.#terminal.palette)
    if (line !== undefined) this.#terminal.write(`${line}\n`)
  }

  end(): void {}
}
