import type { Hub, HubOptions } from '@shoal/hub'
import type { Command } from 'commander'
import { CliError } from '../render/failure.ts'
import { type CommandContext, command } from './command.ts'
import type { HubAccessOptions } from './hub-access.ts'
import { configSourcesOf, withHubSettings } from './hub-settings.ts'
import { StopSignals } from './stop-signals.ts'

/** The settings are among them, each under its flag's name. */
type ServeOptions = Readonly<Record<string, unknown>> & { readonly shell?: true; readonly json?: true }
type AttachOptions = HubAccessOptions & { readonly json?: true }

/** How many ports after the asked one are tried when others hold it; peers begin at 6881, so a hub soon stands among them. */
const PORTS_TO_TRY = 20

export function build(context: CommandContext): Command {
  const hub = command('hub', "Run your group's own tracker, catalogue and accounts until you stop it", [
    ['shoal hub', 'for programs on this machine only'],
    ['shoal hub --host 0.0.0.0', 'for everybody who can reach this machine: members only'],
    ['shoal hub --port 0', 'on any free port; the READY line says which'],
    ['shoal hub --shell', 'with a prompt: list_peers, ping, discover, list_files'],
  ])
    .option('--shell', 'take commands while it runs; leaving the shell stops the hub')
    .option('--json', 'one JSON object a line, for programs')
    .enablePositionalOptions()
    .action((options: ServeOptions) => serve(options, context))
  return withHubSettings(hub)
    .addCommand(shellCommand(context))
    .addCommand(configCommand(context))
    .addCommand(backupCommand(context))
    .addCommand(setupLinkCommand(context))
}

function shellCommand(context: CommandContext): Command {
  const shell = command('shell', 'Take commands for a hub that runs already', [
    ['shoal hub shell', 'for the hub on this machine'],
    ['echo list_peers | shoal hub shell', 'one answer, and out'],
    ['shoal hub shell --url https://hub.example', 'for another, with a token in SHOAL_TOKEN'],
  ])
  return withAccess(shell)
    .option('--json', 'answers as JSON, one a line')
    .action(async (options: AttachOptions) => {
      const [{ hubOf }, { runHubShell }] = await Promise.all([import('./hub-access.ts'), import('./hub-shell.ts')])
      const client = hubOf(options, context.environment)
      const signals = new StopSignals()
      try {
        context.exitWith(await runHubShell({ client, isOwn: false, isJson: options.json === true, signals }, context))
      } finally {
        signals.ignore()
      }
    })
}

function configCommand(context: CommandContext): Command {
  const config = command('config', 'Show the settings as they count, and where each comes from', [
    ['shoal hub config', 'a file that says the same; a good beginning for your own'],
    ['shoal hub config --config hub.toml', 'checks the file, and says what is wrong'],
  ])
  return withHubSettings(config)
    .option('--json', 'one JSON object instead of lines for people')
    .action(async (options: ServeOptions) => {
      const [{ readHubConfig }, { configReport }] = await Promise.all([
        import('@shoal/hub/config-file'),
        import('@shoal/hub/config-report'),
      ])
      const { settings } = readHubConfig(configSourcesOf(options, context.environment))
      const byKey = Object.fromEntries(settings.map(({ key, text, from }) => [key, { value: text, from }]))
      context.output.write(options.json ? `${JSON.stringify(byKey)}\n` : configReport(settings))
    })
}

function backupCommand(context: CommandContext): Command {
  return command('backup', 'Copy everything that the hub knows into one file', [
    ['shoal hub backup /mnt/other-disk/hub.db', 'while it runs, or while it does not; the file is as secret as the hub'],
  ])
    .argument('<file>', 'a new file, best on another disk')
    .option('--config <file>', 'as the hub has it')
    .option('--state <path>', 'of which hub (default: yours on this machine)')
    .option('--json', 'one JSON object instead of a line for people')
    .action(async (file: string, options: HubAccessOptions & { json?: true }) => {
      const [{ backUpHub }, { stateDirectoryOf }] = await Promise.all([import('@shoal/hub/backups'), import('./hub-access.ts')])
      const state = stateDirectoryOf(options, context.environment)
      await backUpHub(state, file)
      context.output.write(options.json ? `${JSON.stringify({ file, state })}\n` : `Backed up ${state} to ${file}\n`)
    })
}

function setupLinkCommand(context: CommandContext): Command {
  const link = command('setup-link', 'Make a new link by which the owner of a new hub sets it up', [
    ['shoal hub setup-link', 'open it in a browser; earlier links end'],
  ])
  return withAccess(link).action(async (options: HubAccessOptions) => {
    const { hubOf } = await import('./hub-access.ts')
    context.output.write(`${await hubOf(options, context.environment).setupLink()}\n`)
  })
}

/** How to find a hub, and who one is for it. */
function withAccess(given: Command): Command {
  return given
    .option('--url <url>', 'where the hub is (default: the one on this machine)')
    .option('--token <token>', 'as whom; better in SHOAL_TOKEN, where nobody sees it')
    .option('--config <file>', 'as the hub on this machine has it')
    .option('--state <path>', 'of which hub on this machine')
}

async function serve(options: ServeOptions, context: CommandContext): Promise<void> {
  const { output, environment } = context
  const json = options.json === true
  const signals = new StopSignals()
  try {
    const { readHubConfig } = await import('@shoal/hub/config-file')
    const { config } = readHubConfig(configSourcesOf(options, environment))
    const hub = await startOnFreePort(config)
    const { urls, httpPort } = hub
    const { ownHub, rememberUrl } = await import('./hub-access.ts')
    const url = ownUrl(config.host, httpPort, config.tls !== undefined)
    const stateDirectory = config.stateDirectory ?? ''
    const forgetUrl = rememberUrl(url, stateDirectory)
    if (json) output.write(`${JSON.stringify({ event: 'ready', port: httpPort, announce: urls.http, udp: urls.udp })}\n`)
    else for (const line of readyLines(hub, config.port, options.shell === true)) output.write(`${line}\n`)
    try {
      if (options.shell === true) {
        const { runHubShell } = await import('./hub-shell.ts')
        context.exitWith(await runHubShell({ client: ownHub(url, stateDirectory), isOwn: true, isJson: json, signals }, context))
      } else await signals.whenReceived()
    } finally {
      forgetUrl()
      await hub.close()
    }
    output.write(json ? `${JSON.stringify({ event: 'stopped' })}\n` : 'Stopped\n')
  } finally {
    signals.ignore()
  }
}

/** By which this machine reaches it. */
function ownUrl(host: string, port: number, isSecure: boolean): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `${isSecure ? 'https' : 'http'}://${reached.includes(':') ? `[${reached}]` : reached}:${port}`
}

function readyLines({ httpPort, urls }: Hub, asked: number, hasShell: boolean): string[] {
  const lines: string[] = []
  if (asked !== 0 && asked !== httpPort) lines.push(`Note: port ${asked} is in use; serving on ${httpPort} instead`)
  lines.push(
    `READY hub port=${httpPort} tracker=${urls.http} udp=${urls.udp}`,
    '',
    'Share a file or folder:',
    `  shoal create <path> --tracker ${urls.http}`,
    '  shoal seed <name>.torrent',
    'Get it, on this or another machine:',
    '  shoal get <name>.torrent --dir <folder>',
    `(In a clone of the repository: npx shoal ... ${hasShell ? 'exit' : 'Ctrl-C'} stops the hub.)`,
  )
  return lines
}

/** @throws {CliError} `PORT_IN_USE`; what else the hub says of the address */
async function startOnFreePort(config: HubOptions & { readonly host: string; readonly port: number }): Promise<Hub> {
  const { startHub } = await import('@shoal/hub')
  const { host, port: first } = config
  const last = first === 0 ? 0 : Math.min(65_535, first + PORTS_TO_TRY)
  for (let port = first; port <= last; port++) {
    try {
      return await startHub({ ...config, port })
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'PORT_IN_USE') throw error
    }
  }
  throw new CliError('PORT_IN_USE', `Cannot serve on ${host}: the ports ${first} to ${last} are all in use. Choose another with --port`)
}
