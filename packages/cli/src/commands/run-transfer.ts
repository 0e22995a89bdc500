import { Transfer, type TransferRequest } from '../foreground/transfer.ts'
import { EXIT } from '../render/failure.ts'
import { JsonLines } from '../render/json-lines.ts'
import { LiveView } from '../render/live-view.ts'
import { PlainLines } from '../render/plain-lines.ts'
import type { TransferPurpose, TransferView } from '../render/transfer-view.ts'
import type { CommandContext } from './command.ts'
import { exitStatusOfSignal, StopSignals } from './stop-signals.ts'

/**
 * Runs one transfer to its end: done, or stopped by a signal.
 *
 * @returns the exit status: 0 when it did what was asked (a seed is asked to run until it is stopped), 130 when Ctrl-C
 * came before a download was complete.
 * @throws the error that ended it, after everything has been closed.
 */
export async function runTransfer(
  request: TransferRequest,
  { purpose, json, context }: { purpose: TransferPurpose; json: boolean; context: CommandContext },
): Promise<number> {
  const view = viewOf(purpose, json, context)
  const signals = new StopSignals()
  let transfer: Transfer | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    transfer = await Transfer.start(request, (event) => view.event(event))
    const running = transfer
    timer = setInterval(() => view.status(running.look()), view.intervalMs)
    const isDone = await Promise.race([goal(running, purpose, request), signals.whenReceived().then(() => false)])
    // Looked at before it stops: a stopped torrent has let go of everything.
    const status = running.look()
    if (!isDone) {
      view.status(status)
      view.event({ type: 'stopping' })
    }
    clearInterval(timer)
    await running.stop()
    view.end()
    if (!isDone) view.event({ type: 'stopped', status, elapsedMs: running.elapsedMs })
    const isComplete = status.pieceCount > 0 && status.haveBytes >= status.wantedSize
    return purpose === 'seed' || isDone || isComplete ? EXIT.done : exitStatusOfSignal(signals.first ?? 'SIGINT')
  } catch (error) {
    clearInterval(timer)
    // The first error is the one to tell; what fails while closing is its consequence.
    await transfer?.stop().catch(() => {})
    view.end()
    throw error
  } finally {
    signals.ignore()
  }
}

/** Resolves when there is nothing more to do: for a seed, and for a `get` that stays, never. */
async function goal(transfer: Transfer, purpose: TransferPurpose, { staysSharing }: TransferRequest): Promise<true> {
  if (purpose === 'seed') {
    await transfer.whenReady()
    transfer.tellReady()
    return transfer.whenFailed()
  }
  // What keeps it from being ready also keeps it from being done, and is told there.
  void transfer.whenReady().then(
    () => transfer.tellReady(),
    () => {},
  )
  await transfer.whenDone()
  return staysSharing ? transfer.whenFailed() : true
}

function viewOf(purpose: TransferPurpose, json: boolean, { output }: CommandContext): TransferView {
  if (json) return new JsonLines(output)
  return output.isLive ? new LiveView(output, purpose) : new PlainLines(output, purpose)
}
