import type { TransferEvent, TransferStatus } from '../foreground/transfer-event.ts'

/** One way of showing a transfer: redrawn in place, as plain lines, or as JSON lines. */
export interface TransferView {
  /** How often it wants to hear the status. */
  readonly intervalMs: number
  status(status: TransferStatus): void
  event(event: TransferEvent): void
  /** Nothing comes after this: what was only for the moment goes away. */
  end(): void
}

/** What the person asked for; the same news is worded differently. */
export type TransferPurpose = 'get' | 'seed'
