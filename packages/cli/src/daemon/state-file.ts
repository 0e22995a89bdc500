import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DaemonError } from './daemon-error.ts'
import { isBusy, isDamage } from './sqlite-code.ts'

/** `SHOP` in the header of the file: the state of a Shoal peer. */
const APPLICATION_ID = 0x53_48_4f_50
const VERSION = 1
const OPEN_WAIT_MS = 5_000
const SCHEMA = `
  create table documents (kind text not null, id text not null, json text not null, primary key (kind, id)) strict, without rowid;
  create table history (span text not null, at integer not null, downloaded integer not null, uploaded integer not null,
    primary key (span, at)) strict, without rowid;
`

export const STATE_FILE = 'state.db'
/** A whole copy from earlier: what is left when the file itself is damaged. */
export const STATE_COPY = 'state.backup.db'

export interface StoredDocument {
  readonly kind: string
  readonly id: string
  readonly json: string
}

export interface StoredPoint {
  readonly span: string
  readonly at: number
  readonly downloaded: number
  readonly uploaded: number
}

/** One change; a batch of them is written whole or not at all. */
export type StateChange =
  | { readonly type: 'put'; readonly document: StoredDocument }
  | { readonly type: 'delete'; readonly kind: string; readonly id: string }
  | { readonly type: 'point'; readonly point: StoredPoint }
  /** History before this moment is forgotten. */
  | { readonly type: 'forget-points'; readonly span: string; readonly before: number }

/**
 * The daemon's SQLite file, synchronous: it blocks its thread. What is committed is on the disk, power cut or not.
 *
 * A damaged file is set aside, never deleted, and the copy from earlier takes its place; `notes` say so.
 */
export class StateFile {
  readonly notes: readonly string[]
  readonly #folder: string
  readonly #database: DatabaseSync
  readonly #inode: number
  #isCopied = false

  /** @throws {DaemonError} `STATE_NEWER`, `STATE_UNAVAILABLE` */
  static open(folder: string): StateFile {
    const notes: string[] = []
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const file = join(folder, STATE_FILE)
      // A file that vanished looks like a peer that is new: its torrents would be forgotten without a word.
      if (!existsSync(file) && existsSync(join(folder, STATE_COPY))) {
        notes.push(`${file} is missing: the copy from ${copiedAt(folder)} is used instead`)
        useCopy(folder)
      }
      try {
        return new StateFile(folder, openSound(file), notes)
      } catch (error) {
        if (!isDamage(error)) throw error
        const aside = setAside(folder)
        const isCopied = useCopy(folder)
        const instead = isCopied ? `the copy from ${copiedAt(folder)} is used instead` : 'there is no copy, so this peer begins empty'
        notes.push(`${file} was damaged (${messageOf(error)}) and is kept as ${aside}; ${instead}`)
        return new StateFile(folder, openCopy(folder, notes), notes)
      }
    } catch (error) {
      throw asDaemonError(error, folder)
    }
  }

  private constructor(folder: string, database: DatabaseSync, notes: readonly string[]) {
    this.#folder = folder
    this.#database = database
    this.#inode = statSync(join(folder, STATE_FILE)).ino
    this.notes = notes
  }

  readDocuments(): StoredDocument[] {
    return this.#database.prepare('select kind, id, json from documents').all() as unknown as StoredDocument[]
  }

  readPoints(): StoredPoint[] {
    return this.#database.prepare('select span, at, downloaded, uploaded from history order by at').all() as unknown as StoredPoint[]
  }

  /** All or nothing. `replacesAll`: what was there before goes. @throws what SQLite says: nothing was changed */
  write(changes: readonly StateChange[], replacesAll = false): void {
    this.#expectOwnFile()
    this.#database.exec('begin immediate')
    try {
      if (replacesAll) this.#database.exec('delete from documents; delete from history')
      for (const change of changes) this.#apply(change)
      this.#database.exec('commit')
      this.#isCopied = false
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('rollback')
      throw error
    }
  }

  /** Keeps a whole copy beside the file, unless nothing has changed since the last one. */
  copy(): void {
    if (this.#isCopied) return
    this.#expectOwnFile()
    const fresh = join(this.#folder, `${STATE_COPY}.tmp`)
    rmSync(fresh, { force: true })
    closeSync(openSync(fresh, 'w', 0o600))
    this.#database.prepare('vacuum into ?').run(fresh)
    renameSync(fresh, join(this.#folder, STATE_COPY))
    this.#isCopied = true
  }

  close(): void {
    this.#database.close()
  }

  /** SQLite goes on writing into a file that has been deleted, or whose disk was replaced; then nothing would be kept. */
  #expectOwnFile(): void {
    const file = join(this.#folder, STATE_FILE)
    if (statSync(file, { throwIfNoEntry: false })?.ino === this.#inode) return
    throw new Error(`${file} is gone, or another file is in its place`)
  }

  #apply(change: StateChange): void {
    switch (change.type) {
      case 'put': {
        const { kind, id, json } = change.document
        this.#database.prepare('insert or replace into documents (kind, id, json) values (?, ?, ?)').run(kind, id, json)
        return
      }
      case 'delete':
        this.#database.prepare('delete from documents where kind = ? and id = ?').run(change.kind, change.id)
        return
      case 'point': {
        const { span, at, downloaded, uploaded } = change.point
        this.#database
          .prepare('insert or replace into history (span, at, downloaded, uploaded) values (?, ?, ?, ?)')
          .run(span, at, downloaded, uploaded)
        return
      }
      case 'forget-points':
        this.#database.prepare('delete from history where span = ? and at < ?').run(change.span, change.before)
        return
      default:
        change satisfies never
    }
  }
}

function openSound(file: string): DatabaseSync {
  // SQLite gives the files beside it the permissions of this one.
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file)
  try {
    database.exec(`pragma busy_timeout = ${OPEN_WAIT_MS}`)
    database.exec('pragma journal_mode = wal')
    database.exec('pragma synchronous = full')
    const findings = database.prepare('pragma quick_check(1)').all()
    const said = String(findings[0]?.quick_check)
    if (said !== 'ok') throw Object.assign(new Error(said), { errcode: 11 })
    bringUp(database, file)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** The copy may be damaged, too: then it is set aside like the file, and the peer begins empty. */
function openCopy(folder: string, notes: string[]): DatabaseSync {
  try {
    return openSound(join(folder, STATE_FILE))
  } catch (error) {
    if (!isDamage(error)) throw error
    notes.push(`The copy was damaged, too, and is kept as ${setAside(folder)}: this peer begins empty`)
    return openSound(join(folder, STATE_FILE))
  }
}

function bringUp(database: DatabaseSync, file: string): void {
  const id = Number(database.prepare('pragma application_id').get()?.application_id)
  const version = Number(database.prepare('pragma user_version').get()?.user_version)
  if (id !== APPLICATION_ID && (id !== 0 || version !== 0)) {
    throw new DaemonError('STATE_UNAVAILABLE', `Cannot start: ${file} is a database of another program. Choose another SHOAL_HOME`)
  }
  if (version > VERSION) {
    throw new DaemonError(
      'STATE_NEWER',
      `Cannot start: a newer Shoal has written ${file} (version ${version}, this one knows ${VERSION}). Start that version again, or choose another SHOAL_HOME`,
    )
  }
  if (version === VERSION) return
  database.exec(`begin; ${SCHEMA}; pragma application_id = ${APPLICATION_ID}; pragma user_version = ${VERSION}; commit`)
}

/** @returns where the damaged file is now */
function setAside(folder: string): string {
  let number = 1
  while (existsSync(join(folder, `${STATE_FILE}.damaged-${number}`))) number++
  const aside = join(folder, `${STATE_FILE}.damaged-${number}`)
  renameSync(join(folder, STATE_FILE), aside)
  for (const ending of ['-wal', '-shm']) {
    const beside = join(folder, `${STATE_FILE}${ending}`)
    if (existsSync(beside)) renameSync(beside, `${aside}${ending}`)
  }
  return aside
}

function useCopy(folder: string): boolean {
  const copy = join(folder, STATE_COPY)
  if (!existsSync(copy)) return false
  copyFileSync(copy, join(folder, STATE_FILE))
  return true
}

function copiedAt(folder: string): string {
  return statSync(join(folder, STATE_COPY)).mtime.toISOString()
}

function asDaemonError(error: unknown, folder: string): DaemonError {
  if (error instanceof DaemonError) return error
  const hint = isBusy(error) ? 'Another program has locked it: close that one' : 'It must be writable for this user, on a disk with space'
  return new DaemonError('STATE_UNAVAILABLE', `Cannot use the state in ${folder}: ${messageOf(error)}. ${hint}`, { cause: error })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
