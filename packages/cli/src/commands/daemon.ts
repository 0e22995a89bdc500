import { formatCount, formatDuration, formatRate } from '@shoal/api/human'
import type { Command } from 'commander'
import { type DaemonFiles, daemonFiles } from '../daemon-http/daemon-files.ts'
import type { RunningDaemon } from '../daemon-http/running-daemon.ts'
import { homeFolder } from '../foreground/folders.ts'
import { wallClock } from '../foreground/wall-clock.ts'
import { type CommandContext, command } from './command.ts'
import { lineCount, port as portNumber } from './option-values.ts'

interface StartOptions {
  readonly foreground?: true
  readonly detached?: true
  readonly port?: number
  readonly peerPort?: number
  readonly json?: true
}

export function build(context: CommandContext): Command {
  const daemon = command('daemon', 'Your peer in the background: all your torrents, from start to start', [
    ['shoal daemon start', 'commands that need it do so by themselves'],
    ['shoal daemon status', 'where it is, and what it does'],
    ['shoal daemon stop', 'waits until everything is put in order'],
  ]).enablePositionalOptions()
  return daemon
    .addCommand(startCommand(context))
    .addCommand(stopCommand(context))
    .addCommand(statusCommand(context))
    .addCommand(logsCommand(context))
}

function startCommand(context: CommandContext): Command {
  const start = command('start', 'Start it, and wait until it is ready', [
    ['shoal daemon start', 'nothing happens if it runs already'],
    ['shoal daemon start --foreground', 'in this process, until Ctrl-C; as services are run'],
  ])
  return start
    .option('--foreground', 'stay in this process')
    .option('--port <number>', 'for its API; the next free one is taken (default: 7070)', portNumber)
    .option('--peer-port <number>', 'for other peers (default: the first free one of 6881 to 6999)', portNumber)
    .option('--json', 'one JSON object a line, for programs')
    .addOption(start.createOption('--detached').hideHelp())
    .action(async (options: StartOptions) => {
      const files = filesOf(context)
      if (options.foreground === true) {
        const [{ serveDaemon }, { DAEMON_PORT }] = await Promise.all([
          import('./daemon-serve.ts'),
          import('../daemon-http/daemon-server.ts'),
        ])
        const { port = DAEMON_PORT, peerPort } = options
        const isJson = options.json === true
        const isDetached = options.detached === true
        await serveDaemon({ files, port, ...(peerPort === undefined ? {} : { peerPort }), isJson, isDetached }, context)
        return
      }
      const [{ findDaemon }, { startDaemonProcess }] = await Promise.all([
        import('../daemon-http/running-daemon.ts'),
        import('../daemon-http/daemon-process.ts'),
      ])
      const before = await findDaemon(files)
      const running =
        before ?? (await startDaemonProcess({ files, program: daemonProcessWords(options), environment: context.environment }))
      context.output.write(
        options.json ? `${statusJson(running)}\n` : `${before === undefined ? 'Started' : 'It runs already'}: ${placeOf(running)}\n`,
      )
    })
}

/** What the detached process is called with. */
export function daemonProcessWords({ port, peerPort }: StartOptions): string[] {
  return [
    process.argv[1] ?? '',
    'daemon',
    'start',
    '--foreground',
    '--detached',
    '--json',
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...(peerPort === undefined ? [] : ['--peer-port', String(peerPort)]),
  ]
}

function stopCommand(context: CommandContext): Command {
  return command('stop', 'Stop it, and wait until it has stopped', [
    ['shoal daemon stop', 'trackers and hubs are told, everything is written down'],
  ])
    .option('--json', 'one JSON object instead of a line for people')
    .action(async (options: { readonly json?: true }) => {
      const { stopDaemonProcess } = await import('../daemon-http/daemon-process.ts')
      const hasRun = await stopDaemonProcess(filesOf(context))
      context.output.write(options.json ? `${JSON.stringify({ stopped: hasRun })}\n` : hasRun ? 'Stopped\n' : 'It does not run\n')
    })
}

function statusCommand(context: CommandContext): Command {
  return command('status', 'Say whether it runs, where, and what it does', [['shoal daemon status', 'ends with 1 when it does not run']])
    .option('--json', 'one JSON object instead of lines for people')
    .action(async (options: { readonly json?: true }) => {
      const files = filesOf(context)
      const { findDaemon } = await import('../daemon-http/running-daemon.ts')
      const running = await findDaemon(files)
      if (running === undefined) context.exitWith(1)
      if (options.json) context.output.write(`${running === undefined ? JSON.stringify({ running: false }) : statusJson(running)}\n`)
      else
        for (const line of running === undefined ? notRunningLines(files) : statusLines(running, files)) context.output.write(`${line}\n`)
    })
}

function logsCommand(context: CommandContext): Command {
  return command('logs', 'Show what it said lately', [
    ['shoal daemon logs', 'the last 100 lines'],
    ['shoal daemon logs --follow', 'and what it says from now on, until Ctrl-C'],
  ])
    .option('--lines <number>', 'how many (default: 100)', lineCount)
    .option('--follow', 'go on')
    .action(async (options: { readonly lines?: number; readonly follow?: true }) => {
      const { showLog } = await import('./daemon-logs.ts')
      await showLog({ path: filesOf(context).log, lines: options.lines ?? 100, follows: options.follow === true }, context)
    })
}

function filesOf({ environment }: CommandContext): DaemonFiles {
  return daemonFiles(homeFolder(environment))
}

function placeOf({ client, facts }: RunningDaemon): string {
  return `process ${facts.pid}, peers on port ${facts.peerPort}, API at ${client.url}`
}

function statusJson({ client, facts }: RunningDaemon): string {
  return JSON.stringify({ running: true, url: client.url, ...facts })
}

function statusLines({ client, facts }: RunningDaemon, files: DaemonFiles): string[] {
  const { pid, startedAt, peerPort, torrents, connections, downloadRate, uploadRate } = facts
  const since = new Date(startedAt).toISOString().slice(0, 16).replace('T', ' ')
  return [
    `Running for ${formatDuration(Math.max(0, wallClock() - startedAt))}, since ${since} UTC, as process ${pid}`,
    `  torrents   ${formatCount(torrents)}, ${formatCount(connections)} connections, ${formatRate(downloadRate)} down, ${formatRate(uploadRate)} up`,
    `  peers      on port ${peerPort}`,
    `  API        ${client.url}, token in ${files.token}`,
    `  log        ${files.log}`,
  ]
}

function notRunningLines(files: DaemonFiles): string[] {
  return ['It does not run. Start it with: shoal daemon start', `  state      ${files.folder}`]
}
