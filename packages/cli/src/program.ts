import type { Command } from 'commander'
import type { CommandContext } from './commands/command.ts'
import { EXIT, exitStatusOf, type Failure, failureJson, failureLine, failureOf } from './render/failure.ts'
import { forgiveClosedPipes, terminalOf } from './render/terminal.ts'

/** Every command, loaded when it is asked for: what a person does not use costs no start-up time. */
const COMMANDS: Readonly<Record<string, () => Promise<{ build(context: CommandContext): Command }>>> = {
  share: () => import('./commands/share.ts'),
  get: () => import('./commands/get.ts'),
  up: () => import('./commands/up.ts'),
  shell: () => import('./commands/shell.ts'),
  hub: () => import('./commands/hub.ts'),
  create: () => import('./commands/create.ts'),
  seed: () => import('./commands/seed.ts'),
  show: () => import('./commands/show.ts'),
  magnet: () => import('./commands/magnet.ts'),
  daemon: () => import('./commands/daemon.ts'),
  service: () => import('./commands/service.ts'),
}

/** Runs the command that the words name; what went wrong is told, and is in the exit status. */
export async function run(words: readonly string[], version: string): Promise<void> {
  forgiveClosedPipes(process.stdout, process.stderr)
  try {
    const program = await programFor(words[0], version)
    await program.parseAsync([...words], { from: 'user' })
  } catch (error) {
    const failure = usageFailure(error)
    if (failure === undefined) return
    process.stderr.write(`${words.includes('--json') ? failureJson(failure) : failureLine(failure)}\n`)
    if (failure.code === 'BUG' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    process.exitCode = exitStatusOf(failure)
  }
}

/** The tree of commands: only the one that is called, or all of them for help. */
async function programFor(name: string | undefined, version: string): Promise<Command> {
  const { Command } = await import('commander')
  const context: CommandContext = {
    version,
    output: terminalOf(process.stdout, process.env),
    messages: terminalOf(process.stderr, process.env),
    environment: process.env,
    exitWith: (status) => {
      process.exitCode = status
    },
  }
  const program = new Command('shoal')
    .description('Share big files with a group at the speed of the wire.')
    .version(version, '-V, --version', 'print the version')
    // An option belongs to the command that it stands behind: shoal hub --json is not shoal hub shell --json.
    .enablePositionalOptions()
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', TOUR)
  for (const each of await commandsFor(name, context)) program.addCommand(each)
  if (name === undefined) program.action(() => shellOrHelp(program, context))
  for (const each of withSubcommands(program)) {
    // Errors are told once, in our words, by `run`.
    each.exitOverride().configureOutput({ outputError: () => {} })
  }
  return program
}

/** The one that is called, or all of them when there is none of that name: for help, and to find what was meant. */
async function commandsFor(name: string | undefined, context: CommandContext): Promise<Command[]> {
  const load = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (load !== undefined) return [(await load()).build(context)]
  const { buildPeerVerbs, isPeerVerb } = await import('./commands/peer-verb.ts')
  const taken = Object.keys(COMMANDS)
  if (name !== undefined && isPeerVerb(name)) return buildPeerVerbs(context, taken, name)
  const own = await Promise.all(Object.values(COMMANDS).map(async (each) => (await each()).build(context)))
  return [...own, ...buildPeerVerbs(context, taken)]
}

/** To a person the shell of the peer, to everything else what can be asked. */
async function shellOrHelp(program: Command, context: CommandContext): Promise<void> {
  const { isPersonThere } = await import('./commands/person.ts')
  if (!isPersonThere(context.environment)) program.help()
  const { openPeerShell } = await import('./commands/shell.ts')
  await openPeerShell(false, context)
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

/** What commander throws, in our form; undefined when it only showed help or the version. */
function usageFailure(error: unknown): Failure | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  if (typeof code !== 'string' || !code.startsWith('commander.') || !(error instanceof Error)) return failureOf(error)
  if ((error as { exitCode?: unknown }).exitCode === EXIT.done || code === 'commander.help') return undefined
  const said = error.message
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .trim()
  const sentence = said.charAt(0).toUpperCase() + said.slice(1)
  return code === 'commander.invalidArgument'
    ? { code: 'OPTION_INVALID', message: sentence }
    : { code: 'USAGE', message: `${sentence.replace(/[.]$/, '')}. See: shoal help` }
}

const TOUR = `
Share something with a group, and get it on another machine:
  shoal up --host 0.0.0.0          a hub and your peer, with a shell
  shoal share lecture
  shoal connect 192.168.1.2:6880   on the other machine, then: shoal get lecture

Without a hub, by torrents:
  shoal create lecture --tracker http://127.0.0.1:6880/announce
  shoal seed lecture.torrent       and elsewhere: shoal get lecture.torrent

Each command has its own help with examples: shoal help get
`
