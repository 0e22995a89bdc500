/**
 * The one way from a stranger's file name to a path on our disk.
 *
 * A name in a torrent is any bytes at all, and the same torrent must give the same files on every system, so that a
 * folder can move from one to another. So every name is made fit for the strictest of them all:
 *
 * - what separates or escapes (`/ \ :`), what a file system refuses (`< > | ? * "`, control characters) and what is not
 *   UTF-8 is replaced; what nobody sees (zero width, direction marks) is taken out; Windows' device names, its short
 *   names (`ABCDEF~1`) and dots or spaces at the end are changed;
 * - two entries never share a path, compared as a case-folding, normalising file system compares: folders that differ only
 *   so become one, files get ` (2)` before their extension;
 * - `..` is refused and not repaired: no honest program writes it.
 *
 * Honest names in any script pass unchanged, in the normal form they came in. What this does not do is look at the disk:
 * a link planted in the download folder is the business of whoever opens files.
 */

import { decodeUtf8, encodeUtf8, utf8Length } from '../bytes.ts'
import { cleanText } from '../clean-text.ts'
import { ProtocolError } from '../errors.ts'

/** The longest name, in bytes of UTF-8, that ext4, APFS and NTFS all take. */
const MAX_NAME_BYTES = 255
/** What lies behind this is cut before anything is done with it: not even its extension is of use to anybody. */
const MAX_READ_BYTES = 4096
/** Longer endings are no file type that anybody needs to keep when a name is cut. */
const MAX_EXTENSION_BYTES = 32
export const MAX_PATH_DEPTH = 100
/** Renaming is for accidents; a torrent with more is built to make us work. */
const MAX_RENAMED = 500
/** Paths are read-only lists of names, eight bytes each: at most 24 MB for all. */
const MAX_NAMES = 3_000_000
/** Stands for what was taken out, and for a name of which nothing is left. */
const SUBSTITUTE = '_'

const FORBIDDEN = /[\p{Cc}/\\:<>|?*"\u2028\u2029]/gu
/**
 * Characters that show nothing: soft hyphen, joiners, fillers, direction marks and overrides, tags. A list and not a
 * Unicode property, so that names do not change with the version of Unicode. Variation selectors stay: emoji and rare
 * Han characters are written with them.
 */
const INVISIBLE =
  /\u034f|[\u180b-\u180f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e00ff}\u{e01f0}-\u{e0fff}]/gu
/** Devices on Windows, whatever comes after the first dot. The superscript digits count there, too. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)/i
/** Looks like the short name that Windows may have given to another file. */
const SHORT_NAME = /^(?=[^.]{1,8}(?:\.|$))([^.]{1,6})~(\d+(?:\.[^.]{0,3})?)$/
/** Most names there are: letters, digits and inner punctuation. Unless it is a device there is nothing to do. */
const PLAIN = /^[A-Za-z0-9_-](?:[A-Za-z0-9_ .,()+-]{0,80}[A-Za-z0-9_)-])?$/
const ASCII = /^[\u0020-\u007e]*$/

/**
 * One component of a path, made safe. Never empty, never `.` or `..`, at most 255 bytes.
 * @throws {ProtocolError} `METAINFO_PATH` when it is exactly `..`
 */
export function safeName(component: Uint8Array): string {
  const text = decodeUtf8(component.subarray(0, MAX_READ_BYTES))
  if (text === '..') throw new ProtocolError('METAINFO_PATH', 'Cannot use a path with "..": it would lead out of the download folder')
  if (PLAIN.test(text) && !DEVICE.test(text)) return text
  const visible = withoutTrailingDots(text.replace(INVISIBLE, '').replace(FORBIDDEN, SUBSTITUTE))
  return avoidDevices(shorten(visible, ''))
}

function avoidDevices(name: string): string {
  if (DEVICE.test(name)) return shorten(SUBSTITUTE + name, '')
  return name.replace(SHORT_NAME, '$1_$2') || SUBSTITUTE
}

/** `stem + suffix + extension`, with the stem cut so that all of it fits. */
function shorten(name: string, suffix: string): string {
  const dot = name.lastIndexOf('.')
  const keepsExtension = dot > 0 && utf8Length(name.slice(dot)) <= MAX_EXTENSION_BYTES
  const extension = keepsExtension ? name.slice(dot) : ''
  const stem = keepsExtension ? name.slice(0, dot) : name
  const room = MAX_NAME_BYTES - utf8Length(suffix) - utf8Length(extension)
  if (utf8Length(stem) <= room) return stem + suffix + extension
  const bytes = encodeUtf8(stem)
  let end = room
  // Not inside a character: its further bytes are 10xxxxxx.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return withoutTrailingDots(decodeUtf8(bytes.subarray(0, end)) + suffix + extension)
}

/** Windows drops dots and spaces at the end. A loop, because a regular expression would look at long runs again and again. */
function withoutTrailingDots(name: string): string {
  let end = name.length
  while (end > 0 && (name[end - 1] === '.' || name[end - 1] === ' ')) end--
  return name.slice(0, end)
}

/** Equal for names that some file system takes for one: NFC, and folded as far as upper and lower case both go. */
function folded(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase()
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

/** A folder of a torrent on its way to the disk. */
export interface SafeFolder {
  readonly path: readonly string[]
  /** What lies in it, by folded name: a folder, or the path of a file. */
  readonly entries: Map<string, SafeFolder | readonly string[]>
  /** Folders that had to give way to a file: the folded name they wanted, and where they went. */
  readonly moved: Map<string, SafeFolder>
}

/** The paths of one torrent. Who comes first keeps the name, so the order of calls is the order of the torrent. */
export class SafePaths {
  readonly root: SafeFolder = newFolder([])
  /** The last number that was given to a name, by its folder and folded name: five hundred equal ones must not look for it anew. */
  readonly #copies = new Map<string, number>()
  #renamedCount = 0
  #nameCount = 0

  /** How many entries could not keep their name. */
  get renamedCount(): number {
    return this.#renamedCount
  }

  /**
   * Makes the path of a file safe and takes it.
   * @throws {ProtocolError} `METAINFO_PATH`: it has no components, too many, or a `..`; or too many had to be renamed
   */
  addPath(folder: SafeFolder, components: readonly Uint8Array[]): readonly string[] {
    const last = components.at(-1)
    if (last === undefined) throw new ProtocolError('METAINFO_PATH', 'Cannot use a path without any name')
    let parent = folder
    for (const component of components.slice(0, -1)) parent = this.addFolder(parent, component)
    return this.addFile(parent, last)
  }

  /** The folder of this name, made if it is not there. @throws as `addPath` */
  addFolder(parent: SafeFolder, component: Uint8Array): SafeFolder {
    const wanted = safeName(component)
    const key = folded(wanted)
    const there = parent.moved.get(key) ?? parent.entries.get(key)
    if (there !== undefined && isFolder(there)) return there
    this.#countNames(parent)
    if (there === undefined) {
      const folder = newFolder([...parent.path, wanted])
      parent.entries.set(key, folder)
      return folder
    }
    const name = this.#freeName(parent, wanted)
    const folder = newFolder([...parent.path, name])
    parent.entries.set(folded(name), folder)
    parent.moved.set(key, folder)
    return folder
  }

  /** @throws as `addPath` */
  addFile(parent: SafeFolder, component: Uint8Array): readonly string[] {
    this.#countNames(parent)
    const wanted = safeName(component)
    const key = folded(wanted)
    const isTaken = parent.entries.has(key)
    const name = isTaken ? this.#freeName(parent, wanted) : wanted
    const path = [...parent.path, name]
    parent.entries.set(isTaken ? folded(name) : key, path)
    return path
  }

  /** Where what a link names has gone: a file or folder of this torrent; undefined when there is none. */
  find(folder: SafeFolder, components: readonly Uint8Array[]): readonly string[] | undefined {
    let parent = folder
    for (const [index, component] of components.entries()) {
      const key = folded(safeName(component))
      const isLast = index === components.length - 1
      const place = isLast ? parent.entries.get(key) : (parent.moved.get(key) ?? parent.entries.get(key))
      if (place === undefined) return undefined
      if (isLast) return isFolder(place) ? place.path : place
      if (!isFolder(place)) return undefined
      parent = place
    }
    return undefined
  }

  #countNames(parent: SafeFolder): void {
    const depth = parent.path.length + 1
    if (depth > MAX_PATH_DEPTH) {
      throw new ProtocolError('METAINFO_PATH', `Cannot use a path of ${depth} names: the limit is ${MAX_PATH_DEPTH}`)
    }
    // A file tree (BEP 52) writes a deep folder once for thousands of files, but we write its path for each.
    this.#nameCount += depth
    if (this.#nameCount > MAX_NAMES) {
      throw new ProtocolError('METAINFO_PATH', `Cannot use paths of more than ${MAX_NAMES} names in all`)
    }
  }

  /** A name that is taken, with ` (2)`, ` (3)` … before its extension. */
  #freeName(parent: SafeFolder, taken: string): string {
    if (++this.#renamedCount > MAX_RENAMED) {
      const shown = JSON.stringify(cleanText(taken, 60))
      throw new ProtocolError(
        'METAINFO_PATH',
        `Cannot use a torrent in which more than ${MAX_RENAMED} paths, such as ${shown}, are taken twice`,
      )
    }
    const key = [...parent.path, folded(taken)].join('/')
    let copy = this.#copies.get(key) ?? 1
    let name: string
    do name = avoidDevices(shorten(taken, ` (${++copy})`))
    while (parent.entries.has(folded(name)))
    this.#copies.set(key, copy)
    return name
  }
}

function newFolder(path: readonly string[]): SafeFolder {
  return { path, entries: new Map(), moved: new Map() }
}

function isFolder(place: SafeFolder | readonly string[]): place is SafeFolder {
  return 'entries' in place && place.entries instanceof Map
}
