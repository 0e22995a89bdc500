import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { homeFolder } from '../foreground/folders.ts'
import { wallClock } from '../foreground/wall-clock.ts'
import { EXIT } from '../render/failure.ts'
import { quoted } from '../render/text.ts'
import { COMPLETION_TIMEOUT_MS, completionsOf } from '../shell/completion.ts'
import { HistoryFile } from '../shell/history-file.ts'
import { HUB_VERBS } from '../shell/hub/hub-verbs.ts'
import type { HubWorld } from '../shell/hub/hub-world.ts'
import type { LineSource } from '../shell/line-source.ts'
import { PipedLines } from '../shell/piped-lines.ts'
import { spoken } from '../shell/reply.ts'
import { Shell } from '../shell/shell.ts'
import { TerminalLines } from '../shell/terminal-lines.ts'
import type { CommandContext } from './command.ts'
import type { HubAccess } from './hub-access.ts'
import { ownAddresses } from './peer-access.ts'
import { isPersonThere } from './person.ts'
import { exitStatusOfSignal, type StopSignals } from './stop-signals.ts'

const PROMPT = 'shoal> '
const HISTORY_FILE = 'hub-history'

/** Where news go that nobody asked for: a shell takes them over while it has a prompt. */
export interface Sink {
  write: (text: string) => void
}

export interface HubShellOptions {
  readonly access: HubAccess
  /** The hub runs in this process, and stops when the shell is left. */
  readonly isOwn: boolean
  readonly isJson: boolean
  readonly signals: StopSignals
  readonly news?: Sink
}

/** @returns the exit status */
export async function runHubShell({ access, isOwn, isJson, signals, news }: HubShellOptions, context: CommandContext): Promise<number> {
  const { output, messages, environment } = context
  const { client } = access
  const world: HubWorld = { ...access, ownAddresses, chance: () => randomInt(2 ** 32) / 2 ** 32 }
  const facts = await client.facts()
  // The window was closed meanwhile: there is no terminal to ask for lines.
  if (signals.first !== undefined) return isOwn ? EXIT.done : exitStatusOfSignal(signals.first)
  const lines: LineSource = isPersonThere(environment)
    ? new TerminalLines({
        input: process.stdin,
        output: process.stdout,
        prompt: PROMPT,
        history: new HistoryFile(join(homeFolder(environment), HISTORY_FILE)),
        complete: (line) => completionsOf(line, shell.verbs, world, AbortSignal.timeout(COMPLETION_TIMEOUT_MS)),
        onCancel: () => shell.cancel(),
      })
    : new PipedLines(process.stdin, (text) => output.write(text))
  const shell = new Shell({
    verbs: HUB_VERBS,
    world,
    lines,
    view: output,
    messages,
    isJson,
    now: wallClock,
    exitSummary: isOwn ? 'leaves, and stops the hub' : 'leaves; the hub runs on',
  })
  if (lines.isInteractive)
    lines.write(`${spoken(`This is the hub ${quoted(facts.name)} at ${client.url}. help shows all commands.`, output).join('\n')}\n`)
  if (news !== undefined && lines.isInteractive) news.write = (text) => lines.write(text)
  let status: number | undefined
  void signals.whenReceived().then((signal) => {
    status = isOwn ? EXIT.done : exitStatusOfSignal(signal)
    shell.leave()
  })
  const own = await shell.run()
  return status ?? own
}
