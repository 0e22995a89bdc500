import { type Hub, type HubConfig, machineFacts, openHubLog, startHub, startWarnings } from '@shoal/hub'
import { type ConfigSources, readHubConfig } from '@shoal/hub/config-file'
import { wallClock } from '../foreground/wall-clock.ts'
import { CliError, EXIT, failureLine, failureOf } from '../render/failure.ts'
import { clean } from '../render/text.ts'
import type { CommandContext } from './command.ts'
import { ownHub } from './hub-access.ts'
import { runHubShell, type Sink } from './hub-shell.ts'
import { StopSignals } from './stop-signals.ts'

export interface ServeChoices {
  readonly isJson: boolean
  readonly hasShell: boolean
}

/** How many ports after the asked one are tried when others hold it; peers begin at 6881, so a hub soon stands among them. */
const PORTS_TO_TRY = 20

/** Runs a hub in this process until a signal comes, or until its shell is left. */
export async function serveHub(sources: ConfigSources, choices: ServeChoices, context: CommandContext): Promise<void> {
  const { output } = context
  await withHub(sources, context, async ({ hub, config, stateDirectory, signals, news }) => {
    for (const line of choices.isJson ? [readyJson(hub)] : readyLines(hub, config, choices)) output.write(`${line}\n`)
    if (choices.hasShell) {
      const access = ownHub(hub, stateDirectory)
      context.exitWith(await runHubShell({ access, isOwn: true, isJson: choices.isJson, signals, news }, context))
    } else await signals.whenReceived()
  })
  output.write(choices.isJson ? `${JSON.stringify({ event: 'stopped' })}\n` : 'Stopped\n')
}

/** A hub in this process, and what whoever runs it needs besides. */
export interface ServedHub {
  readonly hub: Hub
  readonly config: HubConfig
  readonly stateDirectory: string
  readonly signals: StopSignals
  readonly news: Sink
}

/** Runs a hub for as long as `use` takes. */
export async function withHub(sources: ConfigSources, context: CommandContext, use: (served: ServedHub) => Promise<void>): Promise<void> {
  const { messages } = context
  const { config } = readHubConfig(sources)
  const stateDirectory = config.stateDirectory
  if (stateDirectory === undefined) throw new Error('Cannot happen: a configuration that was read has a state directory')
  // Where there are certificates to take anew, a hang-up asks for that, as with any server.
  const signals = new StopSignals(config.tls === undefined ? [] : ['SIGHUP'])
  const news: Sink = { write: (text) => messages.write(text) }
  try {
    const hub = await startOnFreePort(config, news)
    const reload = (): void => void reloadCertificates(hub, news)
    if (config.tls !== undefined) process.on('SIGHUP', reload)
    try {
      for (const warning of startWarnings(config, await machineFacts(config, wallClock(), hub.certificateExpiresAt)))
        messages.write(`Warning: ${clean(warning)}\n`)
      await use({ hub, config, stateDirectory, signals, news })
    } finally {
      process.off('SIGHUP', reload)
      await hub.close()
    }
  } finally {
    signals.ignore()
  }
}

async function reloadCertificates(hub: Hub, news: Sink): Promise<void> {
  try {
    news.write((await hub.reloadCertificates()) ? 'The new certificates are in use\n' : 'The certificates have not changed\n')
  } catch (error) {
    news.write(`${failureLine(failureOf(error))}\n`)
  }
}

export function readyJson({ httpPort, url, urls, setupLink, isOpen }: Hub): string {
  return JSON.stringify({
    event: 'ready',
    port: httpPort,
    url,
    announce: urls.http,
    udp: urls.udp,
    open: isOpen,
    ...(setupLink === undefined ? {} : { setup: setupLink }),
  })
}

function readyLines({ httpPort, url, urls, setupLink, isOpen }: Hub, { port: asked }: HubConfig, { hasShell }: ServeChoices): string[] {
  const inShell = hasShell ? '' : 'shoal hub shell, then '
  return [
    ...(asked !== 0 && asked !== httpPort ? [`Note: port ${asked} is in use; serving on ${httpPort} instead`] : []),
    `READY hub port=${httpPort} tracker=${urls.http} udp=${urls.udp}`,
    '',
    `${url} is ${isOpen ? 'open to everybody who can reach it' : 'for members only'}.`,
    ...(setupLink === undefined ? [] : ['Become its owner, once:', `  ${setupLink}`, `  (or: ${inShell}register <name>)`]),
    ...(isOpen ? [] : ['Invite somebody:', `  ${inShell}invite`]),
    'Share a file or folder:',
    `  shoal create <path> --tracker ${isOpen ? urls.http : '<your own announce URL>'}`,
    '  shoal seed <name>.torrent',
    'Get it, on this or another machine:',
    '  shoal get <name>.torrent --dir <folder>',
    `(In a clone of the repository: npx shoal ... ${hasShell ? 'exit' : 'Ctrl-C'} stops the hub.)`,
  ]
}

/** Its database is gone: what it says it would not keep. */
function giveUp(error: unknown, news: Sink): void {
  news.write(`${failureLine(failureOf(error))}\n`)
  process.exit(EXIT.failure)
}

/** @throws {CliError} `PORT_IN_USE`; what else the hub says of the address, or of its state */
async function startOnFreePort(config: HubConfig, news: Sink): Promise<Hub> {
  const { host, port: first } = config
  const log = openHubLog({ write: (line) => news.write(line) })
  const last = first === 0 ? 0 : Math.min(65_535, first + PORTS_TO_TRY)
  for (let port = first; port <= last; port++) {
    try {
      return await startHub({ ...config, port, log, onFatal: (error) => giveUp(error, news) })
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'PORT_IN_USE') throw error
    }
  }
  throw new CliError('PORT_IN_USE', `Cannot serve on ${host}: the ports ${first} to ${last} are all in use. Choose another with --port`)
}
