import { wallClock } from '../foreground/wall-clock.ts'
import { CliError } from '../render/failure.ts'
import { LiveBlock } from '../render/live-block.ts'
import type { LineSource } from '../shell/line-source.ts'
import { ALL_PEER_VERBS } from '../shell/peer/peer-verbs.ts'
import type { PeerWorld } from '../shell/peer/peer-world.ts'
import { PipedLines } from '../shell/piped-lines.ts'
import { TerminalLines } from '../shell/terminal-lines.ts'
import { misused, type ReadCall, type Reply, type Verb } from '../shell/verb.ts'
import type { CommandContext } from './command.ts'
import { peerWorld, runningPeer } from './peer-access.ts'
import { isPersonThere } from './person.ts'
import { exitStatusOfSignal, StopSignals } from './stop-signals.ts'

/** A verb that stands for itself: every command of the program that is one finds it by its name. */
export function peerVerb(name: string): Verb<PeerWorld> {
  const verb = ALL_PEER_VERBS.find((each) => each.name === name)
  if (verb === undefined) throw new Error(`Cannot happen: there is no verb ${name}`)
  return verb
}

/** Runs one verb of the peer as a command: its answer on the output, what it asks on the terminal. */
export async function runPeerVerb(verb: Verb<PeerWorld>, read: ReadCall, context: CommandContext): Promise<void> {
  const { output, messages } = context
  const signals = new StopSignals()
  const stop = new AbortController()
  void signals.whenReceived().then((signal) => stop.abort(new Stopped(signal)))
  const block = new LiveBlock(messages)
  let lines: LineSource | undefined
  const show = (reply: Reply): void => {
    block.clear()
    const shown = read.isJson ? [JSON.stringify(reply.value)] : reply.lines(output)
    if (shown.length > 0) output.write(`${shown.join('\n')}\n`)
  }
  try {
    const client = await runningPeer(context)
    const reply = await verb.run({
      world: peerWorld(client, context),
      signal: stop.signal,
      now: wallClock,
      words: read.words,
      options: read.options,
      argument: (argument) => {
        const word = read.words[argument]?.[0]
        if (word === undefined) throw misused(verb, `${verb.name} needs <${argument}>`)
        return word
      },
      isInteractive: isPersonThere(context.environment),
      show,
      live: (draw) => {
        if (messages.isLive && !read.isJson) block.draw(draw(messages))
      },
      ask: async (question, kind) => {
        lines ??= answersFrom(context, () => stop.abort(new Stopped('SIGINT')))
        const answer = await lines.ask(question, kind, stop.signal)
        if (answer !== undefined) return answer
        throw new CliError('USAGE', `${verb.name} asks "${question.trim()}", and there is no answer: the input has ended`)
      },
    })
    if (reply !== undefined) show(reply)
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    context.exitWith(exitStatusOfSignal(error.signal))
  } finally {
    block.clear()
    lines?.close()
    signals.ignore()
  }
}

function answersFrom({ output, environment }: CommandContext, onCancel: () => void): LineSource {
  if (!isPersonThere(environment)) return new PipedLines(process.stdin, (text) => output.write(text))
  return new TerminalLines({
    input: process.stdin,
    output: process.stdout,
    prompt: '',
    history: { lines: [], add: () => {} },
    complete: async () => [[], ''],
    onCancel,
  })
}

/** A signal is no failure: nothing is said. */
class Stopped extends Error {
  override readonly name = 'Stopped'
  readonly signal: 'SIGHUP' | 'SIGINT' | 'SIGTERM'
  constructor(signal: 'SIGHUP' | 'SIGINT' | 'SIGTERM') {
    super(`Stopped by ${signal}`)
    this.signal = signal
  }
}
