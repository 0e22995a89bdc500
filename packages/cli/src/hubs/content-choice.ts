import type { FileEntry } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { parseEndpoint } from './hub-address.ts'
import { nameKey } from './hub-name.ts'

/** One content, and the entries that share it. */
export interface ChosenContent {
  readonly infoHash: string
  readonly name: string
  readonly entries: readonly FileEntry[]
}

/**
 * Which content somebody means by a name that these entries have.
 *
 * @param ownHostId what the hub calls this peer
 * @param from `ip:port` or the name of a peer: only what that one shares
 * @throws {ProblemError} `OWN_FILE`; `AMBIGUOUS` with the entries; `NOT_FOUND` when nobody is meant by `from`
 */
export function chooseContent(entries: readonly FileEntry[], ownHostId: string | undefined, from?: string): ChosenContent {
  const own = entries.filter(({ host }) => host !== undefined && host.id === ownHostId)
  const ownHashes = new Set(own.map(({ infoHash }) => infoHash))
  const named = JSON.stringify(entries[0]?.name ?? '')
  let others = entries.filter((entry) => !own.includes(entry))
  if (from !== undefined) {
    const theirs = entries.filter((entry) => isHost(entry, from))
    // Somebody who shares it without having published it is found among the holders, when it is clear what is meant.
    if (theirs.length > 0) others = theirs
    else if (new Set(others.map(({ infoHash }) => infoHash)).size !== 1) throw nobodyCalled(from, entries)
  }
  const foreign = others.filter(({ infoHash }) => !ownHashes.has(infoHash))
  const [first] = foreign
  if (first === undefined) {
    throw new ProblemError('OWN_FILE', `This peer shares ${named} itself: there is nothing to fetch. discover shows what a peer shares`)
  }
  const hashes = new Set(foreign.map(({ infoHash }) => infoHash))
  if (hashes.size > 1) {
    const hosts = foreign.map(hostText).join(', ')
    throw new ProblemError('AMBIGUOUS', `${hashes.size} different files are named ${named}. Choose one with --from: ${hosts}`, {
      choices: foreign,
    })
  }
  return { infoHash: first.infoHash, name: first.name, entries: foreign }
}

/** Whether `from` is this address or this name. */
export function isPeer(peer: { readonly name: string; readonly ip?: string; readonly port?: number }, from: string): boolean {
  const endpoint = parseEndpoint(from)
  if (endpoint === undefined) return nameKey(peer.name) === nameKey(from)
  return peer.ip === endpoint.ip && peer.port === endpoint.port
}

export function nobodyCalled(from: string, entries: readonly FileEntry[]): ProblemError {
  const hosts = [...new Set(entries.filter(({ host }) => host !== undefined).map(hostText))]
  const known = hosts.length === 0 ? 'Nobody who is known has it' : `It is shared by ${hosts.slice(0, 10).join(', ')}`
  return new ProblemError('NOT_FOUND', `Nobody at ${JSON.stringify(from)} shares it. ${known}`, { choices: hosts })
}

function isHost({ host }: FileEntry, from: string): boolean {
  return host !== undefined && isPeer(host, from)
}

function hostText({ host, infoHash }: FileEntry): string {
  if (host === undefined) return `an upload (${infoHash})`
  return host.ip === undefined ? JSON.stringify(host.name) : `${JSON.stringify(host.name)} ${host.ip}:${host.port ?? 0}`
}
