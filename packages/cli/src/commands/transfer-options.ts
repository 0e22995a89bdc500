import { stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { CliError } from '../render/failure.ts'
import { quoted } from '../render/text.ts'
import { type PeerAddress, peer, port, rate, trackerUrl } from './option-values.ts'

/** The options that `seed` and `get` have in common, as commander hands them over. */
export interface TransferOptions {
  readonly dir?: string
  readonly port?: number
  readonly state?: string
  readonly skipCheck?: true
  readonly uploadLimit?: number
  readonly downloadLimit?: number
  readonly tracker?: string[]
  readonly peer?: PeerAddress[]
  readonly json?: true
}

export function withTransferOptions(command: Command): Command {
  return command
    .option('--port <n>', 'listen for peers here (default: the first free port from 6881)', port)
    .option('--state <folder>', 'keep what must be remembered between runs here (default: in SHOAL_HOME or its usual place)')
    .option('--skip-check', 'trust the data that is there, until a read disagrees')
    .option('--upload-limit <rate>', 'send no faster than this: 5MB, 500KB', rate)
    .option('--tracker <url>', 'also ask this tracker (can be given again)', trackerUrl)
    .option('--peer <host:port>', 'also ask this peer (can be given again)', peer)
    .option('--json', 'one JSON object a line, for programs')
}

/** @throws {CliError} `FILE_MISSING`, `NOT_A_FOLDER`, `NOT_READABLE`: what `dir` is instead of a folder. */
export async function requireFolder(dir: string, { mayBeMade }: { mayBeMade: boolean }): Promise<void> {
  try {
    const found = await stat(dir)
    if (!found.isDirectory())
      throw new CliError('NOT_A_FOLDER', `Cannot use ${quoted(dir)} as the folder: it is a file. Give its folder with --dir`)
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      if (mayBeMade) return
      throw new CliError(
        'FILE_MISSING',
        `Cannot use ${quoted(dir)}: there is no such folder. Give the folder that holds the data with --dir`,
        { cause: error },
      )
    }
    if (code === 'ENOTDIR') throw new CliError('NOT_A_FOLDER', `Cannot use ${quoted(dir)}: a part of it is a file`, { cause: error })
    throw new CliError('NOT_READABLE', `Cannot use ${quoted(dir)}: ${code === 'EACCES' ? 'no permission' : error.message}`, {
      cause: error,
    })
  }
}
