import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Publication } from '@shoal/api/daemon-api'
import type { DaemonClient } from '@shoal/api/daemon-client'
import type { Command } from 'commander'
import { homeFolder } from '../foreground/folders.ts'
import { qrLines } from '../render/qr-code.ts'
import { shareCard } from '../shell/peer/group-verbs.ts'
import { hubNamed, pathOf } from '../shell/peer/peer-world.ts'
import { spoken } from '../shell/reply.ts'
import { type CommandContext, command } from './command.ts'
import { isPersonThere } from './person.ts'
import { StopSignals } from './stop-signals.ts'

interface ShareOptions {
  readonly name?: string
  readonly hub?: string
  readonly qr?: true
  readonly json?: true
}

/** Where the little hub of `share` keeps its state: the real one of this person is another. */
const SHARE_HUB = 'share-hub'

export function build(context: CommandContext): Command {
  return command('share', 'Share a file or folder in one word', [
    ['shoal share lecture-04', 'with your group, when you are connected to a hub'],
    ['shoal share holiday.mp4', 'without a hub: with everybody in your network, while it runs'],
  ])
    .argument('<path>', 'the file or folder')
    .option('--name <name>', 'the name that others get it by (default: its own)')
    .option('--hub <hub>', 'when there are several: its name or address')
    .option('--qr', 'show the link as a QR code, too')
    .option('--json', 'one JSON object instead of lines for people')
    .action((path: string, options: ShareOptions) => share(path, options, context))
}

async function share(path: string, options: ShareOptions, context: CommandContext): Promise<void> {
  const { runningPeer } = await import('./peer-access.ts')
  const client = await runningPeer(context)
  const hubs = await client.hubs()
  if (hubs.length === 0 && options.hub === undefined) return shareWithNetwork(path, options, client, context)
  const signals = new StopSignals()
  const stop = new AbortController()
  void signals.whenReceived().then(() => stop.abort(new Error('Stopped')))
  try {
    const hub = await hubNamed({ client }, options.hub, stop.signal)
    const published = await publish(client, { path, options, hub: hub.id, signal: stop.signal })
    show(published, 'name', options, context)
    if (options.json !== true && isPersonThere(context.environment)) {
      context.output.write('\n  Your peer goes on sharing it by itself. q shows a QR code, Enter leaves.\n')
      await untilEnter(published, context, signals.whenReceived())
    }
  } finally {
    signals.ignore()
  }
}

/** With a hub of its own, for as long as somebody lets it run. */
async function shareWithNetwork(path: string, options: ShareOptions, client: DaemonClient, context: CommandContext): Promise<void> {
  const [{ withHub }, { ownAddresses }] = await Promise.all([import('./hub-serve.ts'), import('./peer-access.ts')])
  const state = join(homeFolder(context.environment), SHARE_HUB)
  const flags = { host: '0.0.0.0', open: true, state, name: hostname().slice(0, 40) } as const
  await withHub({ environment: {}, flags }, context, async ({ hub, signals }) => {
    // Others see the address by which the peer knows the hub: it has to be one that they can reach.
    const [address = '127.0.0.1'] = ownAddresses()
    const url = `http://${address.includes(':') ? `[${address}]` : address}:${hub.httpPort}`
    const known = await client.connect({ url })
    try {
      const published = await publish(client, { path, options, hub: known.id })
      show(published, 'link', options, context)
      if (options.json !== true) {
        const text =
          'You know no hub, so a little one runs here, for everybody in your network: a browser shows the link, too. Ctrl-C stops it.'
        context.output.write(`${spoken(text, context.output).join('\n')}\n`)
      }
      await untilEnter(published, context, signals.whenReceived())
    } finally {
      await client.forgetHub(known.id)
    }
  })
}

interface Wanted {
  readonly path: string
  readonly options: ShareOptions
  readonly hub: string
  readonly signal?: AbortSignal
}

function publish(client: DaemonClient, { path, options, hub, signal }: Wanted): Promise<Publication> {
  const name = options.name === undefined ? {} : { name: options.name }
  return client.publish({ path: pathOf(path, { folder: process.cwd() }), hub, ...name }, signal)
}

function show(published: Publication, by: 'name' | 'link', { json, qr }: ShareOptions, { output }: CommandContext): void {
  output.write(json ? `${JSON.stringify(published)}\n` : `${shareCard(published, output, qr === true, by).join('\n')}\n`)
}

/** Until Enter, Escape or a signal; `q` shows the code. Where nobody sits, until the signal. */
async function untilEnter(published: Publication, { output, environment }: CommandContext, stopped: Promise<unknown>): Promise<void> {
  if (!isPersonThere(environment)) {
    await stopped
    return
  }
  const keyboard = process.stdin
  keyboard.setRawMode(true)
  keyboard.setEncoding('utf8')
  try {
    await new Promise<void>((resolve) => {
      void stopped.then(() => resolve())
      keyboard.on('data', (key: string) => {
        if (key === 'q') output.write(`\n${qrLines(published.link).join('\n')}\n`)
        else if (LEAVING.includes(key)) resolve()
      })
    })
  } finally {
    keyboard.removeAllListeners('data')
    keyboard.setRawMode(false)
    keyboard.pause()
  }
}

/** Enter, Escape, Ctrl-C, Ctrl-D. */
const LEAVING: readonly string[] = ['\r', '\n', '\u001b', '\u0003', '\u0004']
