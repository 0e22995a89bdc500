import type { Command } from 'commander'
import { type CommandContext, command } from './command.ts'
import type { HubAccessOptions } from './hub-access.ts'
import { configSourcesOf, withHubSettings } from './hub-settings.ts'
import { StopSignals } from './stop-signals.ts'

/** The settings are among them, each under its flag's name. */
type ServeOptions = Readonly<Record<string, unknown>> & { readonly shell?: true; readonly json?: true }
type AttachOptions = HubAccessOptions & { readonly json?: true }

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
      const access = hubOf(options, context.environment)
      const signals = new StopSignals()
      try {
        context.exitWith(await runHubShell({ access, isOwn: false, isJson: options.json === true, signals }, context))
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
    const [{ hubOf }, { asOthersType }] = await Promise.all([import('./hub-access.ts'), import('../shell/hub/hub-world.ts')])
    const { client, publicUrl } = hubOf(options, context.environment)
    context.output.write(`${asOthersType(await client.setupLink(), { client, publicUrl })}\n`)
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
  const { serveHub } = await import('./hub-serve.ts')
  await serveHub(
    configSourcesOf(options, context.environment),
    { isJson: options.json === true, hasShell: options.shell === true },
    context,
  )
}
