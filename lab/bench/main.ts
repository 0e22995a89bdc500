import { readdirSync } from 'node:fs'
import { join } from 'node:path'

// `npm run bench -- <case> [options]`: each case is a program of its own beside this file.
const [name, ...options] = process.argv.slice(2)
const cases = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length))
if (name === undefined || !cases.includes(name)) {
  console.error(`Which benchmark? ${cases.join(', ')}\n  npm run bench -- one-to-one --size 1024`)
  process.exit(2)
}
process.argv.splice(2, process.argv.length - 2, ...options)
await import(join(import.meta.dirname, `${name}.bench.ts`))
