import { isThere } from '../shell/peer/torrent-source.ts'
import type { CommandContext } from './command.ts'

/** What is neither a magnet link nor a file is a name; what looks like a file should be one. */
export async function isName(argument: string): Promise<boolean> {
  return !/^\s*magnet:|\.torrent$|[/\\]|^\./i.test(argument) && !(await isThere(argument))
}

/** The verb of that name about one of the torrents of this person's peer. */
export async function runAboutTorrent(verb: 'magnet' | 'show', torrent: string, isJson: boolean, context: CommandContext): Promise<void> {
  const { peerVerb, runPeerVerb } = await import('./run-peer-verb.ts')
  await runPeerVerb(peerVerb(verb), { words: { torrent: [torrent] }, options: new Map(), isJson }, context)
}
