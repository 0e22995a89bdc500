import { clean } from './text.ts'

/** What the program says with its exit status. 128 + n means: ended by signal n, as shells count (130 is Ctrl-C). */
export const EXIT = { done: 0, failure: 1, badInput: 2 } as const

/** Why a command could not do what was asked. Stable, like the codes of the engine and of the protocol. */
export type CliErrorCode =
  | 'USAGE' // the command line itself: unknown option, missing argument
  | 'OPTION_INVALID'
  | 'FILE_MISSING'
  | 'NOT_READABLE'
  | 'NOT_A_FILE'
  | 'NOT_A_FOLDER'
  | 'FILE_EXISTS'
  | 'NOT_WRITABLE'
  | 'DISK_FULL'
  | 'PORT_IN_USE'
  | 'SERVICE_FAILED' // what runs services on this machine said no

/** A refusal in three parts: what happened, why, what to do. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: CliErrorCode
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What programs get of a failure; people get the same on one line. */
export interface Failure {
  readonly code: string
  readonly message: string
}

/** Anything thrown as code and message. What has no code of ours is a bug, and says so. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Error) {
    const code = (thrown as { code?: unknown }).code
    if (typeof code === 'string' && OUR_CODE.test(code) && !SYSTEM_CODE.test(code)) return { code, message: clean(thrown.message) }
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return { code: 'BUG', message: `Something happened that should not: ${clean(reason)}. Please report it with this command` }
}

/** 2 when what we were given is wrong, 1 when it was right and did not work. */
export function exitStatusOf(failure: Failure): number {
  return BAD_INPUT.test(failure.code) ? EXIT.badInput : EXIT.failure
}

/** `shoal: Cannot read x.torrent: there is no such file (FILE_MISSING)` */
export function failureLine(failure: Failure): string {
  return `shoal: ${failure.message.replace(/\.$/, '')} (${failure.code})`
}

/** The same for programs: one JSON object. */
export function failureJson(failure: Failure): string {
  return JSON.stringify({ error: { code: failure.code, message: failure.message } })
}

const OUR_CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/
/** Codes of Node and of the system: an error that has one should have been said in our words. */
const SYSTEM_CODE = /^(?:ERR_|E[A-Z0-9]+$)/
const BAD_INPUT =
  /^(?:USAGE|OPTION_INVALID|FILE_MISSING|NOT_A_FILE|NOT_A_FOLDER|FILE_EXISTS|NOTHING_SELECTED|TORRENT_\w+|PATH_UNSAFE|INFO_HASH_INVALID|(?:BENCODE|METAINFO|MAGNET)_\w+|TRACKER_URL)$/
