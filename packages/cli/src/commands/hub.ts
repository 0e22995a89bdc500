import type { Hub } from '@shoal/hub'
import type { Command } from 'commander'
import { CliError } from '../render/failure.ts'
import { type CommandContext, command } from './command.ts'
import type { HubAccessOptions } from './hub-access.ts'
import { port } from './option-values.ts'
import { StopSignals } from './stop-signals.ts'

interface HubOptions {
  readonly host: string
  readonly port: number
  readonly shell?: true
  readonly json?: true
}

const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_PORT = 6880
/** How many ports after the asked one are tried when others hold it; peers begin at 6881, so a hub soon stands among them. */
const PORTS_TO_TRY = 20

export function build(context: CommandContext): Command {
  const hub = command('hub', "Run your group's own tracker until you stop it", [
    ['shoal hub', 'for programs on this machine only'],
    ['shoal hub --host 0.0.0.0', 'for everybody who can reach this machine'],
    ['shoal hub --port 0', 'on any free port; the READY line says which'],
    ['shoal hub --shell', 'with a prompt: list_peers, ping, discover, list_files'],
  ])
    .option('--host <address>', 'listen on this address', DEFAULT_HOST)
    .option('--port <n>', 'HTTP and UDP tracker; the next free one when it is in use', port, DEFAULT_PORT)
    .option('--shell', 'take commands while it runs; leaving the shell stops the hub')
    .option('--json', 'one JSON object a line, for programs')
    .enablePositionalOptions()
    .action((options: HubOptions) => serve(options, context))
  const attach = command('shell', 'Take commands for a hub that runs already', [
    ['shoal hub shell', 'for the hub on this machine'],
    ['echo list_peers | shoal hub shell', 'one answer, and out'],
    ['shoal hub shell --url https://hub.example', 'for another, with a token in SHOAL_TOKEN'],
  ])
    .option('--url <url>', 'where the hub is (default: the one on this machine)')
    .option('--token <token>', 'as whom; better in SHOAL_TOKEN, where nobody sees it')
    .option('--json', 'answers as JSON, one a line')
    .action((options: AttachOptions) => attachShell(options, context))
  return hub.addCommand(attach)
}

interface AttachOptions extends HubAccessOptions {
  readonly json?: true
}

async function attachShell(options: AttachOptions, context: CommandContext): Promise<void> {
  const [{ hubOf }, { runHubShell }] = await Promise.all([import('./hub-access.ts'), import('./hub-shell.ts')])
  const client = hubOf(options, context.environment)
  const signals = new StopSignals()
  try {
    context.exitWith(await runHubShell({ client, isOwn: false, isJson: options.json === true, signals }, context))
  } finally {
    signals.ignore()
  }
}

async function serve(options: HubOptions, context: CommandContext): Promise<void> {
  const { output, environment } = context
  const json = options.json === true
  const signals = new StopSignals()
  try {
    const hub = await startOnFreePort(options)
    const { urls, httpPort } = hub
    const { hubOf, rememberUrl } = await import('./hub-access.ts')
    const url = ownUrl(options.host, httpPort)
    const forgetUrl = rememberUrl(url, environment)
    if (json) output.write(`${JSON.stringify({ event: 'ready', port: httpPort, announce: urls.http, udp: urls.udp })}\n`)
    else for (const line of readyLines(hub, options)) output.write(`${line}\n`)
    try {
      if (options.shell === true) {
        const { runHubShell } = await import('./hub-shell.ts')
        context.exitWith(await runHubShell({ client: hubOf({ url }, environment), isOwn: true, isJson: json, signals }, context))
      } else await signals.whenReceived()
    } finally {
      await hub.close()
      forgetUrl()
    }
    output.write(json ? `${JSON.stringify({ event: 'stopped' })}\n` : 'Stopped\n')
  } finally {
    signals.ignore()
  }
}

/** By which this machine reaches it. */
function ownUrl(host: string, port: number): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`
}

function readyLines({ httpPort, urls }: Hub, { port: asked, shell }: HubOptions): string[] {
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
    `(In a clone of the repository: npx shoal ... ${shell ? 'exit' : 'Ctrl-C'} stops the hub.)`,
  )
  return lines
}

/** @throws {CliError} `PORT_IN_USE`; what else the hub says of the address */
async function startOnFreePort({ host, port: first }: HubOptions): Promise<Hub> {
  const { startHub } = await import('@shoal/hub')
  const last = first === 0 ? 0 : Math.min(65_535, first + PORTS_TO_TRY)
  for (let port = first; port <= last; port++) {
    try {
      return await startHub({ host, port })
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'PORT_IN_USE') throw error
    }
  }
  throw new CliError('PORT_IN_USE', `Cannot serve on ${host}: the ports ${first} to ${last} are all in use. Choose another with --port`)
}
