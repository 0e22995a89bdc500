import { join } from 'node:path'
import { DaemonEvent } from '@shoal/api/daemon-api'
import type { DaemonClient } from '@shoal/api/daemon-client'
import { EventFeed } from '@shoal/api/event-feed'
import { homeFolder } from '../foreground/folders.ts'
import { wallClock } from '../foreground/wall-clock.ts'
import { failureOf } from '../render/failure.ts'
import { COMPLETION_TIMEOUT_MS, completionsOf } from '../shell/completion.ts'
import { HistoryFile } from '../shell/history-file.ts'
import { LiveTransfers } from '../shell/peer/live-transfers.ts'
import { ALL_PEER_VERBS } from '../shell/peer/peer-verbs.ts'
import type { PeerWorld } from '../shell/peer/peer-world.ts'
import { PipedLines } from '../shell/piped-lines.ts'
import { spoken } from '../shell/reply.ts'
import { Shell } from '../shell/shell.ts'
import { TerminalLines } from '../shell/terminal-lines.ts'
import type { CommandContext } from './command.ts'
import type { Sink } from './hub-shell.ts'
import { peerWorld } from './peer-access.ts'
import { isPersonThere } from './person.ts'
import { exitStatusOfSignal, type StopSignals } from './stop-signals.ts'

const PROMPT = 'shoal> '
const HISTORY_FILE = 'history'

export interface PeerShellOptions {
  readonly client: DaemonClient
  /** Leaving the shell ends what it stands on. */
  readonly isOwn: boolean
  readonly isJson: boolean
  readonly signals: StopSignals
  readonly news?: Sink
}

/** @returns the exit status */
export async function runPeerShell({ client, isOwn, isJson, signals, news }: PeerShellOptions, context: CommandContext): Promise<number> {
  const { output, messages, environment } = context
  const world = peerWorld(client, context)
  const stop = new AbortController()
  const lines: TerminalLines | PipedLines = isPersonThere(environment)
    ? new TerminalLines({
        input: process.stdin,
        output: process.stdout,
        prompt: PROMPT,
        history: new HistoryFile(join(homeFolder(environment), HISTORY_FILE)),
        complete: (line) => completionsOf(line, shell.verbs, world, AbortSignal.timeout(COMPLETION_TIMEOUT_MS)),
        onCancel: () => shell.cancel(),
      })
    : new PipedLines(process.stdin, (text) => output.write(text))
  const shell: Shell<PeerWorld> = new Shell({
    verbs: ALL_PEER_VERBS,
    world,
    lines,
    view: output,
    messages,
    isJson,
    now: wallClock,
    exitSummary: isOwn ? 'leaves, and stops hub and peer' : 'leaves; the peer runs on, and goes on sharing',
  })
  if (lines instanceof TerminalLines) {
    const say = (text: string): void => lines.write(`${spoken(text, output).join('\n')}\n`)
    say(await greeting(world))
    if (news !== undefined) news.write = (text) => lines.write(text)
    void follow(world, lines, say, context, stop.signal)
  }
  let status: number | undefined
  void signals.whenReceived().then((signal) => {
    status = isOwn ? 0 : exitStatusOfSignal(signal)
    shell.leave()
  })
  try {
    const own = await shell.run()
    return status ?? own
  } finally {
    stop.abort()
  }
}

/** Draws what goes on above the prompt, until the shell is left. */
async function follow(
  { client, chance }: PeerWorld,
  lines: TerminalLines,
  say: (text: string) => void,
  { output }: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  const transfers = new LiveTransfers({ view: output, now: wallClock, say, draw: (drawn) => lines.live(output.isLive ? drawn : []) })
  const begin = async (): Promise<void> => {
    transfers.begin(await client.torrents(signal), await client.hubs(signal), await client.publications(signal))
  }
  const tell = (error: unknown): void => {
    if (!signal.aborted) say(failureOf(error).message)
  }
  const { url, token, platform } = client
  let isAway = false
  const feed = new EventFeed(
    { url, token, platform, chance, schema: DaemonEvent, kind: 'daemon' },
    {
      onOpen: () => {
        isAway = false
        begin().catch(tell)
      },
      onEvent: (event) => {
        if (event.type === 'reset') begin().catch(tell)
        else transfers.onEvent(event)
      },
      onBreak: (reason) => {
        // Said once: it is tried again for as long as the shell is there.
        if (!isAway) tell(reason)
        isAway = true
      },
    },
  )
  await feed.run(signal).catch(tell)
}

async function greeting({ client }: PeerWorld): Promise<string> {
  const [{ torrents, peerPort }, hubs] = await Promise.all([client.facts(), client.hubs()])
  const connected = hubs.filter(({ status }) => status === 'connected')
  const where =
    connected.length > 0
      ? `connected to ${connected.map(({ name }) => name).join(', ')}`
      : hubs.length > 0
        ? 'connected to no hub now (hubs says why)'
        : 'not connected to a hub (connect <address>)'
  return `Your peer listens on port ${peerPort}, has ${torrents} torrents, and is ${where}. help shows all commands.`
}
