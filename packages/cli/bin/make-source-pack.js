// Makes the pack that source-pack.js reads: everything that can be reached from the program by imports.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { findPackageJSON, stripTypeScriptTypes } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PACK_PATH, stampOf } from './source-pack.js'

/** What every command needs; other packages are large, or no modules, and only some commands need them. */
const PACKED_PACKAGE = /^(@shoal\/|commander$)/

/** `from './x.ts'`, `import './x.ts'` and `import('./x.ts')`; in a comment it may be no file at all. */
const IMPORT = /\b(?:from|import)\b\s*\(?\s*'([^']+)'/g

const names = {}
const files = new Map()
const waiting = [new URL('../src/main.ts', import.meta.url).href]
for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) if (!files.has(url)) pack(url)
// What else decides what is in the pack: this program, and where names lead.
const rules = ['./make-source-pack.js', './source-pack.js'].map((name) => fileURLToPath(new URL(name, import.meta.url)))
for (const path of [...rules, ...Object.values(names).map((url) => findPackageJSON(url))]) {
  if (path !== undefined) files.set(pathToFileURL(path).href, { stamp: stampOf(path), text: Buffer.alloc(0) })
}

const index = [...files].map(([url, { stamp, text }]) => ({ url, stamp, length: text.length }))
const head = Buffer.from(`${JSON.stringify({ names, files: index })}\n`)
mkdirSync(dirname(PACK_PATH), { recursive: true })
const unfinished = `${PACK_PATH}.${process.pid}`
writeFileSync(unfinished, Buffer.concat([head, ...[...files.values()].map(({ text }) => text)]))
renameSync(unfinished, PACK_PATH)

function pack(url) {
  const path = fileURLToPath(url)
  // Looked at before it is read: whoever writes to it meanwhile makes this stamp an old one.
  const stamp = stampOf(path)
  if (stamp === '') return
  const source = readFileSync(path, 'utf8')
  const text = path.endsWith('.ts') ? stripTypeScriptTypes(source) : source
  files.set(url, { stamp, text: Buffer.from(text) })
  for (const [, specifier] of text.matchAll(IMPORT)) {
    if (specifier.startsWith('.')) waiting.push(new URL(specifier, url).href)
    else if (PACKED_PACKAGE.test(specifier)) waiting.push(addressOf(specifier))
  }
}

function addressOf(name) {
  names[name] ??= import.meta.resolve(name)
  return names[name]
}
