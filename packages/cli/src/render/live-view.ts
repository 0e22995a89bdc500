import type { TransferEvent, TransferStatus } from '../foreground/transfer-event.ts'
import { LiveBlock } from './live-block.ts'
import { liveLines } from './live-lines.ts'
import type { Terminal } from './terminal.ts'
import { eventLine } from './transfer-text.ts'
import type { TransferPurpose, TransferView } from './transfer-view.ts'

/** A transfer on a terminal: three lines that change in place, at most four times a second; events stand above them. */
export class LiveView implements TransferView {
  readonly intervalMs = 250
  readonly #terminal: Terminal
  readonly #purpose: TransferPurpose
  readonly #block: LiveBlock
  readonly #stopListening: () => void
  #last: TransferStatus | undefined

  constructor(terminal: Terminal, purpose: TransferPurpose) {
    this.#terminal = terminal
    this.#purpose = purpose
    this.#block = new LiveBlock(terminal)
    this.#stopListening = terminal.onResize(() => {
      if (this.#last !== undefined) this.status(this.#last)
    })
  }

  status(status: TransferStatus): void {
    this.#last = status
    this.#block.draw(liveLines(status, this.#terminal.columns(), this.#terminal.palette))
  }

  event(event: TransferEvent): void {
    const line = eventLine(event, this.#purpose, this.#terminal.palette)
    if (line !== undefined) this.#block.say(line)
  }

  end(): void {
    this.#stopListening()
    this.#block.clear()
  }
}
