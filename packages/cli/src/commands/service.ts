import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { CliError } from '../render/failure.ts'
import { clean } from '../render/text.ts'
import { type CommandContext, command } from './command.ts'
import { type ServiceFile, serviceFile } from './service-files.ts'

export function build(context: CommandContext): Command {
  const service = command('service', 'Let your peer run from sign-in on, as a service of this machine', [
    ['shoal service show', 'what would be installed, and where'],
    ['shoal service install', 'for you alone; no administrator is needed'],
    ['shoal service uninstall', 'torrents and settings stay'],
  ]).enablePositionalOptions()
  return service
    .addCommand(
      command('show', 'Show the file that install writes, and what it calls', [['shoal service show', '']]).action(() => show(context)),
    )
    .addCommand(
      command('install', 'Write the file, and start the service', [
        ['shoal service install', 'a daemon that runs already is to be stopped before'],
      ]).action(() => install(context)),
    )
    .addCommand(
      command('uninstall', 'Stop the service, and remove the file', [['shoal service uninstall', '']]).action(() => uninstall(context)),
    )
}

function fileFor({ environment }: CommandContext): ServiceFile {
  const program = [process.execPath, process.argv[1] ?? '', 'daemon', 'start', '--foreground']
  return serviceFile({ platform: process.platform, home: environment.HOME || homedir(), program, environment })
}

function show(context: CommandContext): void {
  const file = fileFor(context)
  context.output.write(`# ${file.path}\n${file.text}\n`)
  for (const words of file.install) context.output.write(`# ${words.join(' ')}\n`)
}

function install(context: CommandContext): void {
  const file = fileFor(context)
  try {
    mkdirSync(dirname(file.path), { recursive: true })
    writeFileSync(file.path, file.text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError('NOT_WRITABLE', `Cannot write ${file.path}: ${reason}`, { cause })
  }
  for (const words of file.install) call(words, file)
  context.output.write(`Installed ${file.path}; it runs, and will run when you sign in\n`)
}

function uninstall(context: CommandContext): void {
  const file = fileFor(context)
  if (statSync(file.path, { throwIfNoEntry: false }) === undefined) {
    context.output.write(`It is not installed: there is no ${file.path}\n`)
    return
  }
  for (const words of file.uninstall) call(words, file)
  rmSync(file.path, { force: true })
  for (const words of file.afterwards) call(words, file)
  context.output.write(`Removed ${file.path}; torrents and settings stay\n`)
}

function call(words: readonly string[], { path }: ServiceFile): void {
  const [program = '', ...rest] = words
  const { status, error, stderr } = spawnSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] })
  if (status === 0) return
  const reason = clean(error?.message ?? stderr ?? '').trim() || `it ended with ${status}`
  throw new CliError(
    'SERVICE_FAILED',
    `Cannot do "${words.join(' ')}": ${reason}. The file is ${path}; what is to be called by hand: shoal service show`,
  )
}
