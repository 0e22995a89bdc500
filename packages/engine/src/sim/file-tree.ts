import { EngineError } from '../base/errors.ts'
import { diskError, unsafePath } from './disk-file.ts'
import { type Entry, Folder, type Platter } from './platter.ts'

const LONGEST_LINK_CHAIN = 40

/** Finds its way through the names on a platter: paths that the user chose, and paths of strangers below them. */
export class FileTree {
  readonly platter: Platter

  constructor(platter: Platter) {
    this.platter = platter
  }

  find(path: string): Entry | undefined {
    const [parent, name] = splitPath(path)
    return this.findFolder(parent)?.entries.get(name)
  }

  findFolder(path: string): Folder | undefined {
    try {
      return this.folderAt(path, false)
    } catch (error) {
      if (error instanceof EngineError && error.code === 'FILE_MISSING') return undefined
      throw error
    }
  }

  /** Links are followed here: the user chose this path. */
  folderAt(path: string, create: boolean, depth = 0): Folder {
    if (depth > LONGEST_LINK_CHAIN) throw unsafePath(path)
    let folder = this.platter.root
    let walked = ''
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue
      let entry = folder.entries.get(name)
      if (entry?.type === 'link') {
        entry = this.folderAt(entry.target.startsWith('/') ? entry.target : `${walked}/${entry.target}`, create, depth + 1)
      }
      const parent = folder
      folder = this.#enter(parent, name, entry, create, path)
      if (entry === undefined) this.platter.syncFolder(parent) // as the real one does with the folders that we ourselves need
      walked += `/${name}`
    }
    return folder
  }

  /** Below the root nothing is followed. */
  folderBelow(root: string, path: readonly string[], create: boolean): Folder {
    for (const part of path) checkName(root, part)
    let folder = this.folderAt(root, create)
    let walked = root
    for (const part of path) {
      walked = `${walked}/${part}`
      folder = this.#enter(folder, part, folder.entries.get(part), create, walked)
    }
    return folder
  }

  /** Where the last component is, or would be. */
  walk(root: string, path: readonly string[], create: boolean): { readonly folder: Folder; readonly name: string } {
    const name = path.at(-1)
    if (name === undefined) throw unsafePath(root)
    const folder = this.folderBelow(root, path.slice(0, -1), create)
    checkName(root, name)
    return { folder, name }
  }

  #enter(folder: Folder, name: string, entry: Entry | undefined, create: boolean, path: string): Folder {
    if (entry?.type === 'folder') return entry
    if (entry !== undefined) {
      const what = entry.type === 'link' ? 'a symbolic link' : 'not a folder'
      throw new EngineError('PATH_UNSAFE', `Refused to go through "${path}": it is ${what}. Move it away, or choose another folder.`)
    }
    if (!create) throw diskError('FILE_MISSING', 'read', path)
    const made = new Folder()
    this.platter.assign(folder, new Map([[name, made]]))
    return made
  }
}

function checkName(root: string, name: string): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new EngineError('PATH_UNSAFE', `Refused the name "${name}" below "${root}": it could lead elsewhere.`)
  }
}

export function joinAll(root: string, path: readonly string[]): string {
  return [root, ...path].join('/')
}

/** Folder and name; the folder of a name alone is the root. */
export function splitPath(path: string): [string, string] {
  const slash = path.lastIndexOf('/')
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)]
}
