import type { EngineErrorCode } from '../base/errors.ts'

export type DiskOperation =
  | 'open'
  | 'stat'
  | 'read'
  | 'write'
  | 'grow'
  | 'sync'
  | 'remove'
  | 'link'
  | 'make-folder'
  | 'read-state'
  | 'replace-state'
  | 'append'
  | 'lock'

/** A call that will fail. */
export interface DiskFault {
  readonly code: EngineErrorCode
  /** Undefined: any call counts. */
  readonly operation?: DiskOperation
  /** 1 is the next call that counts. */
  readonly nth?: number
  /** How many calls fail from then on. */
  readonly times?: number
  /** Half of a write is done before it fails. */
  readonly isTorn?: boolean
}

interface ArmedFault extends DiskFault {
  callsUntil: number
  timesLeft: number
}

/** Which calls will fail, and how many there have been. */
export class FaultPlan {
  callCount = 0
  #faults: ArmedFault[] = []

  add(fault: DiskFault): void {
    this.#faults.push({ ...fault, callsUntil: fault.nth ?? 1, timesLeft: fault.times ?? 1 })
  }

  clear(): void {
    this.#faults = []
  }

  /** Counts a call. @returns how it is to fail, if it is. */
  count(operation: DiskOperation): DiskFault | undefined {
    this.callCount++
    for (const fault of this.#faults) {
      if (fault.operation !== undefined && fault.operation !== operation) continue
      if (fault.callsUntil > 1) {
        fault.callsUntil--
      } else if (fault.timesLeft > 0) {
        fault.timesLeft--
        return fault
      }
    }
    return undefined
  }
}
