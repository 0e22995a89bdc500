// All sources of the program in one file, their types already taken out.
//
// Node finds a module by asking the file system a dozen questions, and we have 170 modules: half of a start was that. A
// pack answers all of them from memory. It changes nothing else: each module keeps its own address and its lines, and one
// that is not in the pack comes from where it always came from.
//
// A pack is good as long as every file in it is what it was, so an edit is live at once: the next start makes a new one.
// It lies beside the installed packages, where only those may write who may change the sources, too. Where nobody may,
// the sources are run as they are.
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * What stands in the first line of a pack, as JSON. The text of the modules follows, end to end.
 *
 * @typedef {object} PackIndex
 * @property {Record<string, string>} names where an import by name leads: the address of a module
 * @property {PackedFile[]} files
 *
 * @typedef {object} PackedFile
 * @property {string} url
 * @property {string} stamp of the file when it was read
 * @property {number} length in bytes; 0 for a file that only decides what is in the pack
 */

const ROOT = new URL('../../../', import.meta.url)
const MAKER = fileURLToPath(new URL('./make-source-pack.js', import.meta.url))
const LINE_END = 0x0a

/** Another Node may take types out in another way. */
export const PACK_PATH = fileURLToPath(new URL(`node_modules/.cache/shoal-sources-${process.version}`, ROOT))

/** Lets every import of this thread look into the pack first. */
export function useSourcePack() {
  const pack = readPack() ?? makePack()
  if (pack === undefined) return
  const { names, modules } = pack
  registerHooks({
    resolve(specifier, context, next) {
      const url = names[specifier] ?? (specifier.startsWith('.') ? new URL(specifier, context.parentURL).href : specifier)
      return modules.has(url) ? { url, format: 'module', shortCircuit: true } : next(specifier, context)
    },
    load(url, context, next) {
      const source = modules.get(url)
      return source === undefined ? next(url, context) : { source, format: 'module', shortCircuit: true }
    },
  })
}

/** Whoever changes a file changes this; a copy of the whole folder is another folder. */
export function stampOf(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? '' : `${found.size} ${found.ctimeMs} ${found.ino}`
}

/** Undefined when there is none, or when a file is not what it was. */
function readPack() {
  try {
    const bytes = readFileSync(PACK_PATH)
    const indexEnd = bytes.indexOf(LINE_END)
    /** @type {PackIndex} */
    const { names, files } = JSON.parse(bytes.toString('utf8', 0, indexEnd))
    const modules = new Map()
    let at = indexEnd + 1
    for (const { url, stamp, length } of files) {
      if (stampOf(fileURLToPath(url)) !== stamp) return undefined
      if (length > 0) modules.set(url, bytes.subarray(at, at + length))
      at += length
    }
    return at === bytes.length ? { names, modules } : undefined
  } catch {
    return undefined // not there, or not a pack: a new one is made
  }
}

/** In a process of its own: what takes types out is 10 MB that nobody needs afterwards. */
function makePack() {
  try {
    accessSync(fileURLToPath(new URL('node_modules/', ROOT)), constants.W_OK)
  } catch {
    return undefined
  }
  const { spawnSync } = process.getBuiltinModule('node:child_process') // not loaded where nothing has to be made
  const { status } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', MAKER], { stdio: 'ignore' })
  return status === 0 ? readPack() : undefined
}
