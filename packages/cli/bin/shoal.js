#!/usr/bin/env node
// Plain JavaScript that even an old Node can read, so that the first thing a person sees is never a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 7)) {
  process.stderr.write(
    `Shoal needs Node 24.7 or newer; this is Node ${process.versions.node}. In a clone, "npx shoal" uses the right one after "npm ci".\n`,
  )
  process.exit(1)
}
const { enableCompileCache } = await import('node:module')
enableCompileCache()
// The version is one word in one file; for all else many modules are loaded.
if (process.argv.length !== 3 || !/^(-V|--version)$/.test(process.argv[2])) (await import('./source-pack.js')).useSourcePack()
await import('../src/main.ts')
