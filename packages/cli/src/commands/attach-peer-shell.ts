import type { CommandContext } from './command.ts'
import { runningPeer } from './peer-access.ts'
import { runPeerShell } from './peer-shell.ts'
import { StopSignals } from './stop-signals.ts'

/** The shell of this person's peer, which runs on when the shell is left. */
export async function attachPeerShell(context: CommandContext): Promise<void> {
  const signals = new StopSignals()
  try {
    const client = await runningPeer(context)
    context.exitWith(await runPeerShell({ client, isOwn: false, isJson: false, signals }, context))
  } finally {
    signals.ignore()
  }
}
