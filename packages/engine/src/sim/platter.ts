import type { Random } from './random.ts'

/** Space is taken in steps of this, as disks do; a page nobody wrote to costs nothing. */
export const PAGE_BYTES: number = 16 * 1024
/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512

type Change =
  | { readonly type: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: 'size'; readonly size: number }

/** The bytes of one file, sparse, and which of them have reached the disk for good. */
export class FileBody {
  readonly type = 'file'
  size = 0
  modifiedMs = 0
  isExecutable = false
  #pages = new Map<number, Uint8Array>()
  /** What a power cut leaves at least; undefined while nobody asks about power cuts. */
  #safe: { size: number; readonly pages: Map<number, Uint8Array> } | undefined
  #unsafe: Change[] = []

  constructor(tracksPower: boolean) {
    if (tracksPower) this.#safe = { size: 0, pages: new Map() }
  }

  get usedBytes(): number {
    return this.#pages.size * PAGE_BYTES
  }

  /** How much more space a write there would take. */
  newBytes(offset: number, length: number): number {
    let count = 0
    for (let page = Math.floor(offset / PAGE_BYTES); page * PAGE_BYTES < offset + length; page++) {
      if (!this.#pages.has(page)) count++
    }
    return count * PAGE_BYTES
  }

  /** @returns bytes read; fewer than the view holds only at the end of the file. */
  read(view: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(view.length, this.size - offset))
    for (let done = 0; done < length; ) {
      const { page, at, count } = stepOf(offset + done, length - done)
      const bytes = this.#pages.get(page)
      if (bytes === undefined) view.fill(0, done, done + count)
      else view.set(bytes.subarray(at, at + count), done)
      done += count
    }
    return length
  }

  write(bytes: Uint8Array, offset: number): void {
    if (this.#safe !== undefined) this.#unsafe.push({ type: 'write', offset, bytes: bytes.slice() })
    writePages(this.#pages, bytes, offset)
    this.size = Math.max(this.size, offset + bytes.length)
  }

  resize(size: number): void {
    if (this.#safe !== undefined) this.#unsafe.push({ type: 'size', size })
    if (size < this.size) cutPages(this.#pages, size)
    this.size = size
  }

  sync(): void {
    for (const change of this.#unsafe.splice(0)) this.#keep(change)
  }

  /** Any of the changes since the last sync may have reached the disk, in any order, a write also in part. */
  losePower(random: Random, keptShare: number): void {
    if (this.#safe === undefined) throw new Error('Cannot happen: a power cut on a disk made without tracksPowerLoss')
    for (const change of this.#unsafe.splice(0)) {
      if (!random.chance(keptShare)) continue
      if (change.type === 'write' && random.chance(0.2)) this.#keepSectors(change.bytes, change.offset, random)
      else this.#keep(change)
    }
    this.size = this.#safe.size
    this.#pages = new Map([...this.#safe.pages].map(([page, bytes]) => [page, bytes.slice()]))
  }

  #keep(change: Change): void {
    const safe = this.#safe
    if (safe === undefined) return
    if (change.type === 'size') {
      if (change.size < safe.size) cutPages(safe.pages, change.size)
      safe.size = change.size
    } else {
      writePages(safe.pages, change.bytes, change.offset)
      safe.size = Math.max(safe.size, change.offset + change.bytes.length)
    }
  }

  #keepSectors(bytes: Uint8Array, offset: number, random: Random): void {
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, (Math.floor((offset + at) / SECTOR_BYTES) + 1) * SECTOR_BYTES - offset)
      if (random.chance(0.5)) this.#keep({ type: 'write', offset: offset + at, bytes: bytes.subarray(at, end) })
      at = end
    }
  }
}

/** A symbolic link that somebody planted. */
export interface Link {
  readonly type: 'link'
  readonly target: string
}

export type Entry = FileBody | Folder | Link

/** Names and what they stand for, and which of the names have reached the disk for good. */
export class Folder {
  readonly type = 'folder'
  readonly entries: Map<string, Entry> = new Map()
  readonly safeEntries: Map<string, Entry> = new Map()
}

/** One change of names; a rename is one change of two names, and is never half done. */
interface NameChange {
  readonly folder: Folder
  readonly names: ReadonlyMap<string, Entry | undefined>
}

/** What survives the process: the tree of names, and what of it would survive a power cut. */
export class Platter {
  readonly root: Folder = new Folder()
  readonly tracksPowerLoss: boolean
  usedBytes = 0
  #unsafe: NameChange[] = []

  constructor(tracksPowerLoss: boolean) {
    this.tracksPowerLoss = tracksPowerLoss
  }

  /** Gives names to things, or takes them away (undefined), all at once. */
  assign(folder: Folder, names: ReadonlyMap<string, Entry | undefined>): void {
    for (const [name, entry] of names) setName(folder.entries, name, entry)
    if (this.tracksPowerLoss) this.#unsafe.push({ folder, names })
  }

  syncFolder(folder: Folder): void {
    const unsafe: NameChange[] = []
    for (const change of this.#unsafe) {
      if (change.folder === folder) keepNames(change)
      else unsafe.push(change)
    }
    this.#unsafe = unsafe
  }

  /** Everything there is now is there for good: the state of the disk before the story begins. */
  settle(): void {
    for (const change of this.#unsafe.splice(0)) keepNames(change)
    for (const file of this.files()) file.sync()
  }

  losePower(random: Random): void {
    if (!this.tracksPowerLoss) throw new Error('Cannot happen: a power cut on a disk made without tracksPowerLoss')
    // Nothing, everything and anything between are all legal, and all are worth seeing.
    const keptShare = [0, 0.5, 1, random.fraction()][random.below(4)]!
    for (const change of this.#unsafe.splice(0)) {
      if (random.chance(keptShare)) keepNames(change)
    }
    restoreNames(this.root)
    for (const file of this.files()) file.losePower(random, keptShare)
    this.recount()
  }

  /** Space that files hold which no name leads to any more is free after a restart. */
  recount(): void {
    this.usedBytes = 0
    for (const file of this.files()) this.usedBytes += file.usedBytes
  }

  /** Each once, however many names it has. */
  files(): ReadonlySet<FileBody> {
    const found = new Set<FileBody>()
    const visit = (folder: Folder): void => {
      for (const entry of folder.entries.values()) {
        if (entry.type === 'file') found.add(entry)
        else if (entry.type === 'folder') visit(entry)
      }
    }
    visit(this.root)
    return found
  }
}

function keepNames({ folder, names }: NameChange): void {
  for (const [name, entry] of names) setName(folder.safeEntries, name, entry)
}

function restoreNames(folder: Folder): void {
  folder.entries.clear()
  for (const [name, entry] of folder.safeEntries) {
    folder.entries.set(name, entry)
    if (entry.type === 'folder') restoreNames(entry)
  }
}

function setName(entries: Map<string, Entry>, name: string, entry: Entry | undefined): void {
  if (entry === undefined) entries.delete(name)
  else entries.set(name, entry)
}

function writePages(pages: Map<number, Uint8Array>, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    const { page, at, count } = stepOf(offset + done, bytes.length - done)
    let target = pages.get(page)
    if (target === undefined) {
      target = new Uint8Array(PAGE_BYTES)
      pages.set(page, target)
    }
    target.set(bytes.subarray(done, done + count), at)
    done += count
  }
}

function cutPages(pages: Map<number, Uint8Array>, size: number): void {
  for (const [page, bytes] of pages) {
    const start = page * PAGE_BYTES
    if (start >= size) pages.delete(page)
    else if (start + PAGE_BYTES > size) bytes.fill(0, size - start)
  }
}

function stepOf(offset: number, length: number): { readonly page: number; readonly at: number; readonly count: number } {
  const page = Math.floor(offset / PAGE_BYTES)
  const at = offset - page * PAGE_BYTES
  return { page, at, count: Math.min(length, PAGE_BYTES - at) }
}
