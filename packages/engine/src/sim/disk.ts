import { EngineError } from '../base/errors.ts'
import type { AppendFile, Disk, DiskFile, FileStamp, LinkOutcome, OpenMode } from '../ports/disk.ts'
import { diskError, SimDiskFile, unsafePath } from './disk-file.ts'
import { type DiskFault, type DiskOperation, FaultPlan } from './fault-plan.ts'
import { FileTree, joinAll, splitPath } from './file-tree.ts'
import { type Entry, FileBody, type Folder, Platter } from './platter.ts'
import type { Random } from './random.ts'
import type { SimSystem } from './system.ts'

export interface SimDiskOptions {
  /** All files together, in steps of 16 KiB; more is `DISK_FULL`. */
  readonly capacityBytes?: number
  /** How long each call takes that is not at once. */
  readonly latencyMs?: number
  /** Remembers what a power cut would take away; it costs memory, so only disks made with it can lose power. */
  readonly tracksPowerLoss?: boolean
}

/**
 * A disk in memory, which can be slow, full, failing, tampered with, and left behind by a crash.
 *
 * `crash` gives the disk as the next process finds it. The old object is dead from then on, as the old process is: what it
 * has begun never ends, and it cannot touch anything any more.
 */
export class SimDisk implements Disk {
  /** May be changed at any time: a disk that becomes slow. */
  latencyMs: number
  /** What one `readSync` takes, during which nothing else happens: a page that was not in the cache. */
  readSyncMs = 0
  readonly system: SimSystem
  capacityBytes: number
  /** Folders that are file systems of their own: no file has names inside and outside of one. */
  separateRoots: readonly string[] = []
  readonly #folderIds = new WeakMap<Folder, string>()
  #nextFolderId = 1
  readonly #platter: Platter
  readonly #tree: FileTree
  readonly #locks = new Set<string>()
  readonly #lastWrites = new Map<string, Promise<void>>()
  readonly #faults = new FaultPlan()
  #isDead = false

  constructor(system: SimSystem, options: SimDiskOptions = {}, platter?: Platter) {
    this.system = system
    this.capacityBytes = options.capacityBytes ?? Infinity
    this.latencyMs = options.latencyMs ?? 0
    this.#platter = platter ?? new Platter(options.tracksPowerLoss ?? false)
    this.#tree = new FileTree(this.#platter)
  }

  /** How many calls were made: a test can run once more for each and let that one fail. */
  get callCount(): number {
    return this.#faults.callCount
  }

  // The port.

  async openFile(root: string, path: readonly string[], mode: OpenMode, options?: { readonly executable?: boolean }): Promise<DiskFile> {
    const full = joinAll(root, path)
    await this.#call('open', mode === 'write' ? 'write to' : 'read', full)
    const { folder, name } = this.#tree.walk(root, path, mode === 'write')
    const entry = folder.entries.get(name)
    if (entry !== undefined && entry.type !== 'file') throw unsafePath(full)
    // Also when it was there before: an earlier handle or process may have made it and not saved its name.
    const syncName = mode === 'write' ? () => this.#syncUpTo(root, path) : undefined
    if (entry !== undefined) return new SimDiskFile(this, entry, full, mode, syncName)
    if (mode === 'read') throw diskError('FILE_MISSING', 'read', full)
    const body = this.#newBody()
    body.isExecutable = options?.executable === true
    this.#platter.assign(folder, new Map([[name, body]]))
    return new SimDiskFile(this, body, full, mode, syncName)
  }

  async stat(root: string, path: readonly string[]): Promise<FileStamp | undefined> {
    const full = joinAll(root, path)
    await this.#call('stat', 'look at', full)
    try {
      const { folder, name } = this.#tree.walk(root, path, false)
      const entry = folder.entries.get(name)
      if (entry === undefined) return undefined
      if (entry.type !== 'file') throw unsafePath(full)
      return { size: entry.size, modifiedMs: entry.modifiedMs }
    } catch (error) {
      if (error instanceof EngineError && error.code === 'FILE_MISSING') return undefined
      throw error
    }
  }

  async makeFolder(root: string, path: readonly string[]): Promise<void> {
    const full = joinAll(root, path)
    await this.#call('make-folder', 'make the folder', full)
    this.#tree.folderBelow(root, path, true)
  }

  async removeFile(root: string, path: readonly string[]): Promise<void> {
    const full = joinAll(root, path)
    await this.#call('remove', 'remove', full)
    try {
      const { folder, name } = this.#tree.walk(root, path, false)
      const entry = folder.entries.get(name)
      if (entry === undefined) return
      if (entry.type !== 'file') throw unsafePath(full)
      this.#platter.assign(folder, new Map([[name, undefined]]))
      this.#platter.recount()
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'FILE_MISSING') throw error
    }
  }

  async linkFile(root: string, path: readonly string[], toRoot: string, toPath: readonly string[]): Promise<LinkOutcome> {
    const full = joinAll(toRoot, toPath)
    await this.#call('link', 'write to', full)
    const from = this.#tree.walk(root, path, false)
    const entry = from.folder.entries.get(from.name)
    if (entry === undefined) throw diskError('FILE_MISSING', 'read', joinAll(root, path))
    if (entry.type !== 'file') throw unsafePath(joinAll(root, path))
    const to = this.#tree.walk(toRoot, toPath, true)
    const there = to.folder.entries.get(to.name)
    if (there === entry && to.folder === from.folder && to.name === from.name) throw unsafePath(full)
    if (there !== undefined) return there === entry ? 'same' : 'exists'
    if (this.separateRoots.some((other) => isBelow(other, root) !== isBelow(other, toRoot))) return 'impossible'
    this.#platter.assign(to.folder, new Map([[to.name, entry]]))
    this.#syncUpTo(toRoot, toPath)
    return 'linked'
  }

  async renameFile(root: string, path: readonly string[], name: string): Promise<'renamed' | 'exists'> {
    const full = joinAll(root, path)
    await this.#call('link', 'write to', full)
    const from = this.#tree.walk(root, path, false)
    const entry = from.folder.entries.get(from.name)
    if (entry === undefined) throw diskError('FILE_MISSING', 'read', full)
    if (entry.type !== 'file') throw unsafePath(full)
    if (from.folder.entries.has(name)) return 'exists'
    this.#platter.assign(
      from.folder,
      new Map([
        [from.name, undefined],
        [name, entry],
      ]),
    )
    this.#platter.syncFolder(from.folder)
    return 'renamed'
  }

  async removeEmptyFolder(root: string, path: readonly string[]): Promise<boolean> {
    const full = joinAll(root, path)
    await this.#call('remove', 'remove', full)
    const folder = path.length === 0 ? undefined : this.#tree.findFolder(joinAll(root, path.slice(0, -1)))
    const name = path.at(-1)
    const entry = name === undefined ? undefined : folder?.entries.get(name)
    if (folder === undefined || name === undefined || entry?.type !== 'folder' || entry.entries.size > 0) return false
    this.#platter.assign(folder, new Map([[name, undefined]]))
    return true
  }

  async enterRoot(root: string): Promise<{ path: string; id: string }> {
    await this.#call('make-folder', 'make the folder', root)
    const folder = this.#tree.folderAt(root, true)
    let id = this.#folderIds.get(folder)
    if (id === undefined) {
      id = String(this.#nextFolderId++)
      this.#folderIds.set(folder, id)
    }
    return { path: root.replace(/\/+$/, ''), id }
  }

  async freeBytes(root: string): Promise<number | undefined> {
    await this.#call('stat', 'look at', root)
    return this.capacityBytes === Infinity ? undefined : Math.max(0, this.capacityBytes - this.#platter.usedBytes)
  }

  async readState(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    await this.#call('read-state', 'read', path)
    const body = this.#tree.find(path)
    if (body === undefined) return undefined
    if (body.type !== 'file') throw unsafePath(path)
    if (body.size > maxBytes) {
      const text = `Cannot read "${path}": it has ${body.size} bytes, and no more than ${maxBytes} can be right. It is set aside or replaced.`
      throw new EngineError('STATE_CORRUPT', text)
    }
    const bytes = new Uint8Array(body.size)
    body.read(bytes, 0)
    return bytes
  }

  /** Through every step of the real one, so that a power cut can come between any two of them. */
  async replaceState(path: string, bytes: Uint8Array): Promise<void> {
    const own = bytes.slice()
    const write = (this.#lastWrites.get(path) ?? Promise.resolve()).catch(() => {}).then(() => this.#replaceNow(path, own))
    this.#lastWrites.set(path, write)
    await write
  }

  async openAppend(path: string): Promise<AppendFile> {
    await this.#call('open', 'open', path)
    const [parent, name] = splitPath(path)
    const folder = this.#tree.folderAt(parent, true)
    let body = folder.entries.get(name)
    if (body === undefined) {
      body = this.#newBody()
      this.#platter.assign(folder, new Map([[name, body]]))
    }
    if (body.type !== 'file') throw unsafePath(path)
    const file = new SimDiskFile(this, body, path, 'write', () => this.#platter.syncFolder(folder))
    return {
      append: (record) => file.appendNow(record),
      sync: () => file.sync(),
      close: () => file.close(),
    }
  }

  async removeState(path: string): Promise<void> {
    await this.#call('remove', 'remove', path)
    const [parent, name] = splitPath(path)
    const folder = this.#tree.findFolder(parent)
    if (folder === undefined) return
    this.#platter.assign(folder, new Map([[name, undefined]]))
    this.#platter.assign(folder, new Map([[`${name}.prev`, undefined]]))
    this.#platter.syncFolder(folder)
    this.#platter.recount()
  }

  async renameState(from: string, to: string): Promise<void> {
    await this.#call('replace-state', 'rename', from)
    const [fromParent, fromName] = splitPath(from)
    const [toParent, toName] = splitPath(to)
    const source = this.#tree.findFolder(fromParent)
    const target = this.#tree.findFolder(toParent)
    const entry = source?.entries.get(fromName)
    if (source === undefined || target === undefined || entry === undefined) throw diskError('FILE_MISSING', 'rename', from)
    if (source === target) {
      this.#platter.assign(
        source,
        new Map([
          [fromName, undefined],
          [toName, entry],
        ]),
      )
    } else {
      this.#platter.assign(target, new Map([[toName, entry]]))
      this.#platter.syncFolder(target)
      this.#platter.assign(source, new Map([[fromName, undefined]]))
    }
    this.#platter.syncFolder(source)
    this.#platter.recount()
  }

  async lockState(path: string): Promise<{ release(): Promise<void> }> {
    await this.#call('lock', 'lock', path)
    if (this.#locks.has(path)) {
      const [folder] = splitPath(path)
      const text = `Cannot use "${folder}": this process itself is using it. Stop that one first, or choose another state folder.`
      throw new EngineError('STATE_LOCKED', text)
    }
    this.#locks.add(path)
    return {
      release: async () => {
        await this.#call('lock', 'unlock', path)
        this.#locks.delete(path)
      },
    }
  }

  joinPath(folder: string, name: string): string {
    return folder.endsWith('/') ? folder + name : `${folder}/${name}`
  }

  // What goes wrong.

  /** Lets a call to come fail. */
  fail(fault: DiskFault): void {
    this.#faults.add(fault)
  }

  /** The disk works again. */
  failNoMore(): void {
    this.#faults.clear()
  }

  /**
   * The process is gone, and with `power` the machine: what was not synced may be there or not, in any mixture.
   * @returns the disk as the next process finds it.
   */
  crash(kind: 'process' | 'power', random: Random = this.system.random.fork(`crash ${this.callCount}`)): SimDisk {
    this.#isDead = true
    if (kind === 'power') this.#platter.losePower(random)
    else this.#platter.recount()
    this.system.log(`crash (${kind})`)
    const next = new SimDisk(this.system, { capacityBytes: this.capacityBytes, latencyMs: this.latencyMs }, this.#platter)
    next.separateRoots = this.separateRoots
    return next
  }

  /** A byte changes by itself: neither the time of the file nor its length tells. */
  flip(path: string, offset: number): void {
    const body = this.#bodyAt(path)
    const byte = new Uint8Array(1)
    body.read(byte, offset)
    byte[0] = byte[0]! ^ 0xff
    body.write(byte, offset)
    body.sync()
  }

  // What somebody else does to the files, or sees of them.

  /** Undefined when there is no such file. */
  fileBytes(path: string): Uint8Array | undefined {
    const body = this.#tree.find(path)
    if (body?.type !== 'file') return undefined
    const bytes = new Uint8Array(body.size)
    body.read(bytes, 0)
    return bytes
  }

  /** Makes or replaces a file, folders and all. */
  putFile(path: string, bytes: Uint8Array): void {
    const body = this.#newBody()
    body.write(bytes, 0)
    this.#put(path, body)
  }

  putFolder(path: string): void {
    this.#tree.folderAt(path, true)
    this.#platter.settle()
  }

  /** A symbolic link; a relative target counts from the link's folder. */
  putLink(path: string, target: string): void {
    this.#put(path, { type: 'link', target })
  }

  /** Takes whatever is there away. */
  deletePath(path: string): void {
    this.#put(path, undefined)
  }

  /** Another program writes into the file, or cuts it. */
  editFile(path: string, change: { readonly offset?: number; readonly bytes?: Uint8Array; readonly size?: number }): void {
    const body = this.#bodyAt(path)
    if (change.bytes !== undefined) body.write(change.bytes, change.offset ?? 0)
    if (change.size !== undefined) body.resize(change.size)
    body.modifiedMs = this.system.wallClock()
    body.sync()
    this.#platter.recount()
  }

  /** The paths of all files, sorted. */
  filePaths(): readonly string[] {
    const found: string[] = []
    const visit = (folder: Folder, path: string): void => {
      for (const [name, entry] of folder.entries) {
        if (entry.type === 'folder') visit(entry, `${path}/${name}`)
        else found.push(`${path}/${name}`)
      }
    }
    visit(this.#platter.root, '')
    return found.toSorted()
  }

  // What open files ask of their disk.

  /** Counts a call that happens at once, and lets it fail if that was planned. @returns the fault, for who can be torn. */
  beginCall(operation: DiskOperation): DiskFault | undefined {
    if (this.#isDead) throw new EngineError('CLOSED', 'Cannot use the disk: this process is gone.')
    return this.#faults.count(operation)
  }

  /** The same for a call that takes its time; then nobody is told anything after a crash. */
  beginSlowCall(operation: DiskOperation): Promise<DiskFault | undefined> {
    return new Promise((resolve) => {
      if (this.#isDead) return
      const fault = this.beginCall(operation)
      this.system.schedule(this.latencyMs, () => {
        if (!this.#isDead) resolve(fault)
      })
    })
  }

  /** @throws {EngineError} `DISK_FULL` */
  writeBody(body: FileBody, bytes: Uint8Array, offset: number, path: string): void {
    this.#takeSpace(body.newBytes(offset, bytes.length), path)
    body.write(bytes, offset)
    body.modifiedMs = this.system.wallClock()
  }

  /** @throws {EngineError} `DISK_FULL` */
  growBody(body: FileBody, size: number, reserve: boolean, path: string): void {
    if (body.size >= size) return
    if (reserve) {
      const start = body.size
      this.#takeSpace(body.newBytes(start, size - start), path)
      body.write(new Uint8Array(size - start), start)
    } else {
      body.resize(size)
    }
    body.modifiedMs = this.system.wallClock()
  }

  async #call(operation: DiskOperation, doing: string, path: string): Promise<void> {
    const fault = await this.beginSlowCall(operation)
    if (fault !== undefined) throw diskError(fault.code, doing, path)
  }

  #takeSpace(byteCount: number, path: string): void {
    if (this.#platter.usedBytes + byteCount > this.capacityBytes) throw diskError('DISK_FULL', 'write to', path)
    this.#platter.usedBytes += byteCount
  }

  #newBody(): FileBody {
    const body = new FileBody(this.#platter.tracksPowerLoss)
    body.modifiedMs = this.system.wallClock()
    return body
  }

  async #replaceNow(path: string, bytes: Uint8Array): Promise<void> {
    const [parent, name] = splitPath(path)
    await this.#call('replace-state', 'save', path)
    const folder = this.#tree.folderAt(parent, true)
    const body = this.#newBody()
    const temporary = `${name}.tmp`
    this.#platter.assign(folder, new Map([[temporary, body]]))
    try {
      this.writeBody(body, bytes, 0, path)
      await this.#call('sync', 'save', path)
    } catch (error) {
      this.#platter.assign(folder, new Map([[temporary, undefined]]))
      this.#platter.recount()
      throw error
    }
    body.sync()
    const before = folder.entries.get(name)
    if (before !== undefined) this.#platter.assign(folder, new Map([[`${name}.prev`, before]]))
    this.#platter.assign(
      folder,
      new Map([
        [temporary, undefined],
        [name, body],
      ]),
    )
    this.#platter.recount()
    await this.#call('sync', 'save', path)
    this.#platter.syncFolder(folder)
  }

  /** A new file is safe only when every new folder on the way to it is. */
  #syncUpTo(root: string, path: readonly string[]): void {
    for (let level = path.length - 1; level >= 0; level--) {
      const folder = this.#tree.findFolder(joinAll(root, path.slice(0, level)))
      if (folder !== undefined) this.#platter.syncFolder(folder)
    }
  }

  #put(path: string, entry: Entry | undefined): void {
    const [parent, name] = splitPath(path)
    this.#platter.assign(this.#tree.folderAt(parent, true), new Map([[name, entry]]))
    this.#platter.settle()
    this.#platter.recount()
  }

  #bodyAt(path: string): FileBody {
    const body = this.#tree.find(path)
    if (body?.type !== 'file') throw new Error(`There is no simulated file "${path}"`)
    return body
  }
}

function isBelow(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}
