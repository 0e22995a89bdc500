import { spawn } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { LogLine } from '@shoal/api/daemon-api'
import Type from 'typebox'
import { Check } from 'typebox/value'

const FILE = 'on-complete.json'
const Hook = Type.Object({ command: Type.Array(Type.String(), { minItems: 1, maxItems: 100 }) }, { additionalProperties: false })
const OTHERS_MAY_WRITE = 0o022

/** What a command hears of: as `{id}`, `{name}` and `{path}` in its arguments. */
export interface CompletedTorrent {
  readonly id: string
  readonly name: string
  readonly path: string
}

/**
 * A program of the person whose daemon this is, run when a download has come: `on-complete.json` in the folder of the state,
 * `{ "command": ["/home/an/bin/unpack", "{path}"] }`. A vector of arguments, never a shell, and never settable from
 * outside (SAFETY F7): a name is one argument, whatever is in it.
 */
export async function runOnComplete(
  folder: string,
  torrent: CompletedTorrent,
  say: (level: LogLine['level'], text: string) => void,
): Promise<void> {
  const file = join(folder, FILE)
  try {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return
    if (process.platform !== 'win32' && ((await stat(file)).mode & OTHERS_MAY_WRITE) !== 0) {
      throw new Error('others may write to it: take that away with chmod 600')
    }
    const hook: unknown = JSON.parse(text)
    if (!Check(Hook, hook)) throw new Error('it must be { "command": [program, argument, …] }')
    const [program = '', ...rest] = hook.command
    if (!isAbsolute(program)) throw new Error(`'${program}' is no absolute path of a program`)
    await run(
      program,
      rest.map((argument) => filled(argument, torrent)),
      say,
    )
  } catch (error) {
    say('warning', `Cannot run ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function filled(argument: string, torrent: CompletedTorrent): string {
  return argument.replace(/\{(id|name|path)\}/g, (_, field: keyof CompletedTorrent) => torrent[field])
}

function run(program: string, args: readonly string[], say: (level: LogLine['level'], text: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { shell: false, stdio: 'ignore', windowsHide: true })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (code === 0) say('note', `${program} has run`)
      else say('warning', `${program} has ended with ${signal ?? `code ${code}`}`)
      resolve()
    })
    // The daemon ends without waiting for it.
    child.unref()
  })
}
