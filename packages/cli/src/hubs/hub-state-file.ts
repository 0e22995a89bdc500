import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { HUB_STATE_VERSION, type HubState, isHubState, newHubState } from './hub-state.ts'
import type { HubsSystem } from './hubs-system.ts'

/** The state of hubs is there and cannot be used. */
export class HubStateError extends Error {
  override readonly name = 'HubStateError'
  readonly code: 'STATE_NEWER' | 'STATE_UNREADABLE'
  constructor(code: HubStateError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Where the state is between runs. */
export interface HubStateFile {
  readonly state: HubState
  /** For people: what was found that is not as it should be. */
  readonly notes: readonly string[]
  /** To be called after each change of `state`. Resolves when what it is now is on the disk, or could not be written: `onNotice` tells. */
  save(): Promise<void>
  /** Waits for what is being written. */
  close(): Promise<void>
}

const FILE_NAME = 'hubs.json'
const OURS_ONLY = 0o600
const RETRY_MS = 10_000

/**
 * Opens `<folder>/hubs.json`, which only its owner can read. Each save is a new file that takes the place of the old one, so there
 * is always a whole one; a damaged one is set aside and told of. When the disk does not take it, the peer goes on and it is tried again.
 *
 * @throws {HubStateError}
 */
export async function openHubStateFile(options: {
  readonly folder: string
  readonly system: HubsSystem
  readonly onNotice: (text: string) => void
}): Promise<HubStateFile> {
  const { folder, system } = options
  const path = join(folder, FILE_NAME)
  const notes: string[] = []
  const known = await readState(path, system, notes)
  const file = new StateFile(path, known ?? newHubState(system.randomBytes(32)), options, notes)
  if (known === undefined) await file.save()
  return file
}

class StateFile implements HubStateFile {
  readonly state: HubState
  readonly notes: readonly string[]
  readonly #path: string
  readonly #system: HubsSystem
  readonly #onNotice: (text: string) => void
  /** What is being written, and what is to be written after it. */
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined
  #retry: { cancel(): void } | undefined
  #hasFailed = false

  constructor(
    path: string,
    state: HubState,
    { system, onNotice }: { system: HubsSystem; onNotice: (text: string) => void },
    notes: readonly string[],
  ) {
    this.#path = path
    this.state = state
    this.#system = system
    this.#onNotice = onNotice
    this.notes = notes
  }

  save(): Promise<void> {
    if (this.#writing === undefined) {
      this.#writing = this.#write()
      return this.#writing
    }
    // Any number of changes meanwhile are one more write.
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined
      this.#writing = this.#write()
      return this.#writing
    })
    return this.#next
  }

  async close(): Promise<void> {
    this.#retry?.cancel()
    while (this.#writing !== undefined || this.#next !== undefined) await (this.#next ?? this.#writing)
    this.#retry?.cancel()
  }

  async #write(): Promise<void> {
    this.#retry?.cancel()
    try {
      await replaceFile(this.#path, `${JSON.stringify(this.state, undefined, 1)}\n`)
      if (this.#hasFailed) this.#onNotice(`What this peer knows of its hubs is in ${this.#path} again`)
      this.#hasFailed = false
    } catch (error) {
      if (!this.#hasFailed) {
        const why = (error as Error).message
        this.#onNotice(`Cannot write ${this.#path}: ${why}. Everything goes on, and it is tried again; make room, or bring the disk back`)
      }
      this.#hasFailed = true
      this.#retry = this.#system.after(RETRY_MS, () => void this.save())
    } finally {
      this.#writing = undefined
    }
  }
}

/** Written beside, on the disk, then put in its place. */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.new`
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', OURS_ONLY)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const folder = await open(dirname(path), 'r')
  try {
    // Windows cannot do this, and does not have to.
    await folder.sync().catch(() => undefined)
  } finally {
    await folder.close()
  }
}

async function readState(path: string, system: HubsSystem, notes: string[]): Promise<HubState | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new HubStateError('STATE_UNREADABLE', `Cannot read ${path}: ${(error as Error).message}. Give this account the right to it`, {
      cause: error,
    })
  }
  const value = parsed(text)
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined
  if (typeof version === 'number' && version > HUB_STATE_VERSION) {
    throw new HubStateError('STATE_NEWER', `A newer Shoal wrote ${path} (version ${version}). Start that one, or move the file away`)
  }
  if (isHubState(value)) return value
  const aside = `${path}.damaged-${system.wallClock()}`
  await rename(path, aside)
  notes.push(`${path} was damaged and is now ${aside}. Hubs have to be connected and signed in to again, and files published again`)
  return undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
