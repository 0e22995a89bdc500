/** What tells whether somebody else touched a file. */
export interface FileStamp {
  readonly size: number
  /** Milliseconds since 1970, fractional where the file system knows. */
  readonly modifiedMs: number
}

/** `read` needs the file to be there; `write` creates it (never truncates) and can read too. */
export type OpenMode = 'read' | 'write'

/**
 * `same`: the file has this name already. `exists`: another one is there. `impossible`: the names are on two file systems, or
 * this one has no second names.
 */
export type LinkOutcome = 'linked' | 'same' | 'exists' | 'impossible'

/** One open file. All offsets and lengths are bytes. */
export interface DiskFile {
  /** What it looked like when it was opened, for whoever has just opened it. */
  readonly stampAtOpen: FileStamp
  /**
   * Fills the views one after another from `offset`, at once: right for bytes that the page cache holds.
   * @returns how many bytes there were; fewer than asked only at the end of the file.
   */
  readSync(views: readonly Uint8Array[], offset: number): number
  /** The same without stopping the caller's thread. The views are the disk's until it settles. */
  read(views: readonly Uint8Array[], offset: number): Promise<number>
  /** Writes all of `view` or fails. */
  write(view: Uint8Array, offset: number): Promise<void>
  /** Makes the file at least `size` long: sparse, or with its blocks reserved. Never shortens. */
  grow(size: number, reserve: boolean): Promise<void>
  stampSync(): FileStamp
  /** Everything written so far survives a power cut once this resolves. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A file to which small records are only ever added. */
export interface AppendFile {
  /** Adds the bytes in one write, in the order of the calls; they survive a crash of this process from then on. */
  append(bytes: Uint8Array): void
  sync(): Promise<void>
  close(): Promise<void>
}

/**
 * Files of torrents and our own state.
 *
 * Content is addressed as a root (an absolute folder that the user chose) and clean path components below it.
 * Below the root nothing is followed: a component that is a symbolic link, or is not what it should be, is
 * refused with `PATH_UNSAFE`, so that nothing outside the folder is ever touched (SAFETY F1, F3).
 *
 * Failures are `EngineError`s: `DISK_FULL`, `NOT_WRITABLE`, `NOT_READABLE`, `FILE_MISSING`, `PATH_UNSAFE`, `DISK_FAILED`.
 */
export interface Disk {
  openFile(root: string, path: readonly string[], mode: OpenMode, options?: { readonly executable?: boolean }): Promise<DiskFile>
  /** Undefined when there is nothing. `PATH_UNSAFE` when it is not a plain file reached through plain folders. */
  stat(root: string, path: readonly string[]): Promise<FileStamp | undefined>
  makeFolder(root: string, path: readonly string[]): Promise<void>
  removeFile(root: string, path: readonly string[]): Promise<void>
  /**
   * Gives a file a second name below another root, folders and all; the name survives a power cut once it resolves.
   * @throws {EngineError} `PATH_UNSAFE` also when the new name is the old one, by another way
   */
  linkFile(root: string, path: readonly string[], toRoot: string, toPath: readonly string[]): Promise<LinkOutcome>
  /** Gives a file another name in its folder, unless that is taken; it survives a power cut once it resolves. */
  renameFile(root: string, path: readonly string[], name: string): Promise<'renamed' | 'exists'>
  /** Removes a folder below the root, if it is empty. @returns whether it was */
  removeEmptyFolder(root: string, path: readonly string[]): Promise<boolean>
  /** Makes the folder if needed. @returns where it really is, and what it has in common with its other names */
  enterRoot(root: string): Promise<{ readonly path: string; readonly id: string }>

  /** Bytes free for us where `root` is (or will be); undefined where that cannot be known. */
  freeBytes(root: string): Promise<number | undefined>

  /** A small state file of ours, whole; undefined when missing. `maxBytes` bounds what is read: `STATE_CORRUPT` above it. */
  readState(path: string, maxBytes: number): Promise<Uint8Array | undefined>
  /** Old or new, never a mixture: temporary file, fsync, rename, fsync of the folder. Makes the folder if needed. */
  replaceState(path: string, bytes: Uint8Array): Promise<void>
  openAppend(path: string): Promise<AppendFile>
  removeState(path: string): Promise<void>
  renameState(from: string, to: string): Promise<void>
  /** Holds `path` against other processes; a lock left by a dead process is taken over. @throws `STATE_LOCKED` */
  lockState(path: string): Promise<{ release(): Promise<void> }>
  joinPath(folder: string, name: string): string
}
