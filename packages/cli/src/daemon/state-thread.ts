/**
 * The thread that waits for the disk of the state, so that transfers never do: it opens the file, says what is in it, and
 * then writes what it is given, in that order.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { DaemonError, type DaemonErrorCode } from './daemon-error.ts'
import { isDamage } from './sqlite-code.ts'
import { type StateChange, StateFile, type StoredDocument, type StoredPoint } from './state-file.ts'

export type ToStateThread =
  | { readonly type: 'write'; readonly changes: readonly StateChange[]; readonly replacesAll: boolean }
  | { readonly type: 'copy' }
  | { readonly type: 'close' }

export type FromStateThread =
  | {
      readonly type: 'open'
      readonly documents: readonly StoredDocument[]
      readonly points: readonly StoredPoint[]
      readonly notes: readonly string[]
    }
  | { readonly type: 'refused'; readonly code: DaemonErrorCode; readonly message: string }
  /** To `write` and `copy`, in their order. */
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly message: string }

const port = parentPort
if (port === null) throw new Error('Cannot happen: the state thread is not a thread')
const say = (message: FromStateThread): void => port.postMessage(message)
const folder = workerData as string

let file: StateFile | undefined
try {
  file = StateFile.open(folder)
  say({ type: 'open', documents: file.readDocuments(), points: file.readPoints(), notes: file.notes })
  port.on('message', onMessage)
} catch (error) {
  if (!(error instanceof DaemonError)) throw error
  say({ type: 'refused', code: error.code, message: error.message })
}

function onMessage(message: ToStateThread): void {
  if (message.type === 'close') {
    closeFile()
    port!.close()
    return
  }
  try {
    if (message.type === 'copy') file?.copy()
    else {
      // Whoever replaces everything does so because the file could not be written, or was lost.
      if (message.replacesAll) {
        closeFile()
        file = StateFile.open(folder)
      }
      if (file === undefined) throw new Error('the file is not open')
      file.write(message.changes, message.replacesAll)
    }
    say({ type: 'done' })
  } catch (error) {
    // Opening it again will set it aside.
    if (isDamage(error)) closeFile()
    say({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
}

function closeFile(): void {
  try {
    file?.close()
  } catch {
    // It was not to be used any more in any case.
  }
  file = undefined
}
