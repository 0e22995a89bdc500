import type { CommandContext } from './command.ts'

/** Whether somebody sits at both ends, and the terminal can do more than print. */
export function isPersonThere(environment: CommandContext['environment']): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && environment.TERM !== 'dumb'
}
