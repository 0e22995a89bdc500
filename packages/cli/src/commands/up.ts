import type { DaemonClient } from '@shoal/api/daemon-client'
import type { Command } from 'commander'
import { clean } from '../render/text.ts'
import { connectionText } from '../shell/peer/group-verbs.ts'
import { type CommandContext, command } from './command.ts'
import type { ServedHub } from './hub-serve.ts'
import { configSourcesOf, withHubSettings } from './hub-settings.ts'

export function build(context: CommandContext): Command {
  const up = command('up', 'Run a hub and your peer on this machine, connected', [
    ['shoal up', 'on a terminal with a shell; leaving it stops both'],
    ['shoal up --host 0.0.0.0', 'for other machines, too; they join with: shoal connect <address>'],
  ]).option('--json', 'one JSON object a line, for programs')
  return withHubSettings(up).action(async (options: Readonly<Record<string, unknown>>) => {
    const { withHub } = await import('./hub-serve.ts')
    const isJson = options.json === true
    await withHub(configSourcesOf(options, context.environment), context, (served) => withPeer(served, isJson, context))
    context.output.write(isJson ? `${JSON.stringify({ event: 'stopped' })}\n` : 'Stopped\n')
  })
}

/** A peer that ran before goes on when everything else stops. */
async function withPeer(served: ServedHub, isJson: boolean, context: CommandContext): Promise<void> {
  const [{ peerIfRunning, runningPeer, stopPeer }, { isPersonThere }] = await Promise.all([
    import('./peer-access.ts'),
    import('./person.ts'),
  ])
  const before = await peerIfRunning(context.environment)
  const client = before ?? (await runningPeer(context))
  try {
    const { output } = context
    for (const line of await readyLines(served, client, isJson)) output.write(`${line}\n`)
    if (before !== undefined && !isJson) output.write('Note: your peer ran already, and goes on when this stops\n')
    if (served.signals.first !== undefined) return
    if (!isJson && isPersonThere(context.environment)) {
      const { runPeerShell } = await import('./peer-shell.ts')
      const { signals, news } = served
      context.exitWith(await runPeerShell({ client, isOwn: before === undefined, isJson, signals, news }, context))
    } else await served.signals.whenReceived()
  } finally {
    if (before === undefined) await stopPeer(context.environment)
  }
}

async function readyLines({ hub, config }: ServedHub, client: DaemonClient, isJson: boolean): Promise<string[]> {
  const { readyJson } = await import('./hub-serve.ts')
  const connection = await client.connect({ url: hub.localUrl, isDefault: true })
  const { peerPort } = await client.facts()
  if (isJson) {
    return [readyJson(hub), JSON.stringify({ event: 'ready', peer: { port: peerPort, url: client.url }, hub: connection })]
  }
  const isReachable = config.host !== '127.0.0.1' && config.host !== '::1' && config.host !== 'localhost'
  return [
    `READY hub port=${hub.httpPort} tracker=${hub.urls.http} udp=${hub.urls.udp}`,
    `READY peer port=${peerPort} api=${client.url}`,
    '',
    `${connectionText(connection)}.`.replace(/([^.])\.$/, '$1'),
    ...(hub.setupLink === undefined ? [] : ['Become the owner of the hub, once, then: login <name>', `  ${hub.setupLink}`]),
    isReachable
      ? `Other machines join with: shoal connect ${clean(new URL(hub.url).host)}`
      : 'Only this machine reaches the hub. For others, too: shoal up --host 0.0.0.0',
    'Share a file or folder: shoal share <path>',
  ]
}
