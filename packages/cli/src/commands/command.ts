import { Command } from 'commander'
import type { Terminal } from '../render/terminal.ts'

/** What a command may know of the process it runs in. */
export interface CommandContext {
  /** Of this program. */
  readonly version: string
  /** What was asked for. */
  readonly output: Terminal
  /** What goes on meanwhile. */
  readonly messages: Terminal
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The status the process ends with, when everything has been closed. */
  exitWith(status: number): void
}

/** A command with its help; `examples` are shown below the options, each a line and what it does. */
export function command(name: string, summary: string, examples: readonly (readonly [command: string, effect: string])[]): Command {
  const shown = examples.map(([line, effect]) => `  ${line}\n      ${effect}\n`).join('')
  return new Command(name)
    .summary(summary)
    .description(`${summary}.`)
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .addHelpText('after', `\nExamples:\n${shown}`)
}
