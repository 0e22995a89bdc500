import type { Command } from 'commander'
import { type CommandContext, command } from './command.ts'

export function build(context: CommandContext): Command {
  return command('shell', 'Take commands for your peer: from you, or from a pipe', [
    ['shoal shell', 'as shoal alone, on a terminal'],
    ['echo list | shoal shell', 'one answer, and out'],
  ])
    .option('--json', 'answers as JSON, one a line')
    .action((options: { readonly json?: true }) => openPeerShell(options.json === true, context))
}

/** The shell of this person's peer, which runs on when the shell is left. */
export async function openPeerShell(isJson: boolean, context: CommandContext): Promise<void> {
  const [{ runningPeer }, { runPeerShell }, { StopSignals }] = await Promise.all([
    import('./peer-access.ts'),
    import('./peer-shell.ts'),
    import('./stop-signals.ts'),
  ])
  const signals = new StopSignals()
  try {
    const client = await runningPeer(context)
    context.exitWith(await runPeerShell({ client, isOwn: false, isJson, signals }, context))
  } finally {
    signals.ignore()
  }
}
