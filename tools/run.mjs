// Runs a program of ours in a clone, whatever Node the machine has: installs what the lockfile names if need be, then
// starts the program with the Node that the lockfile pins.
//
// It is called by `npm start` and `npm test` themselves: npm's own pre-scripts do not run, because `ignore-scripts` keeps
// the scripts of dependencies out.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const isWindows = process.platform === 'win32'

installOnce()
const bin = join(root, 'node_modules', '.bin')
const pinned = join(bin, isWindows ? 'node.cmd' : 'node')
const child = spawn(existsSync(pinned) ? pinned : process.execPath, process.argv.slice(2), {
  cwd: root,
  stdio: 'inherit',
  shell: isWindows,
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
})
// Ctrl-C reaches the whole group by itself; this process only waits for the other's end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))

function installOnce() {
  const stamp = join(root, 'node_modules', '.shoal-lockfile')
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  process.stdout.write('Installing what the lockfile names (once) ...\n')
  const { status } = spawnSync(isWindows ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    shell: isWindows,
  })
  if (status !== 0) {
    process.stderr.write('npm ci failed: see above. Is the registry reachable, and is npm 10 or newer (npm --version)?\n')
    process.exit(status ?? 1)
  }
  writeFileSync(stamp, wanted)
}
