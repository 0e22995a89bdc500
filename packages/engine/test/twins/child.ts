import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A program in a process of its own, for what one process cannot show: limits, other users, sudden death. */
export interface Child {
  readonly process: ChildProcess
  /** The next line it prints; undefined when it has ended. */
  line(): Promise<string | undefined>
  readonly exit: Promise<number | null>
}

/**
 * Runs `source` as a module that has the rooms' files at hand: `node` is the URL of `src/node`.
 * `wrap` is what to run it under: `['unshare', '-rm', …]`; the last part may be a shell line that ends in `exec "$@"`.
 */
export function runChild(source: string, wrap: readonly string[] = [], options: SpawnOptions = {}): Child {
  const node = new URL('../../src/node', import.meta.url).href
  const code = `const node = ${JSON.stringify(node)}\n${source}`
  const [command, ...rest] = [...wrap, process.execPath, '--input-type=module', '-e', code]
  const child = spawn(command!, rest, { stdio: ['pipe', 'pipe', 'inherit'], ...options })
  const exit = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('close', (status) => resolve(status))
  })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return { process: child, line: async () => ((await lines.next()) as { value?: string }).value, exit }
}

/** Wraps a program so that its current folder is a fresh file system of this size; needs unprivileged user namespaces. */
export function smallDisk(size: string): readonly string[] {
  const script = `d=$(mktemp -d) && mount -t tmpfs -o size=${size} tmpfs "$d" && cd "$d" && exec "$@"`
  return ['unshare', '-rm', 'sh', '-c', script, 'sh']
}

/** Whether `smallDisk` works on this machine; otherwise why not, for `skip`. */
export async function whyNoSmallDisk(): Promise<string | false> {
  if (process.platform !== 'linux') return 'only Linux can mount a small disk for one process'
  const { exit } = runChild('', smallDisk('1m'), { stdio: ['ignore', 'pipe', 'ignore'] })
  return (await exit) === 0 ? false : 'this machine allows no user namespaces (unshare -rm), so there is no small disk to fill'
}
