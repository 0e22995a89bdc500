import type { HubClient } from '@shoal/api/client'
import type { FileEntry, Member, PeerEntry } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { quoted } from '../../render/text.ts'
import { folded, nearest } from '../nearest.ts'

/** What shows what there is on a hub: its client, or a peer that asks it. */
export type HubReader = Pick<HubClient, 'url' | 'files' | 'peers' | 'peerFiles' | 'pieces' | 'ping'>

/** What the verbs work with that only look: a shell of the hub and one of a peer have them alike. */
export interface HubView {
  readonly client: HubReader
  /** Addresses of this machine that others may reach it by. */
  readonly ownAddresses: () => readonly string[]
}

/** What the verbs of a hub work with. */
export interface HubWorld extends HubView {
  readonly client: HubClient
  /** As others type it; `client.url` is how it is reached from here. */
  readonly publicUrl: string
  /** In [0, 1). */
  readonly chance: () => number
}

/** A link or tracker of the hub as it works elsewhere, too: the hub names itself by the address by which we reached it. */
export function asOthersType(link: string, { client, publicUrl }: Pick<HubWorld, 'client' | 'publicUrl'>): string {
  if (link.startsWith(`${client.url}/`)) return publicUrl + link.slice(client.url.length)
  return link.replace(`://${new URL(client.url).host}/`, `://${new URL(publicUrl).host}/`)
}

/** Entries that are looked through at most: more are found by words. */
export const MAX_LISTED_FILES = 1_000
const PAGE = 100

/** Every entry that the words find, the newest first, up to a bound. */
export async function listedFiles(
  client: HubReader,
  query: { readonly q?: string; readonly name?: string },
  signal: AbortSignal,
): Promise<{ readonly files: readonly FileEntry[]; readonly isAll: boolean }> {
  const files: FileEntry[] = []
  let cursor: string | undefined
  do {
    const page = await client.files({ ...query, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }, signal)
    files.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined && files.length < MAX_LISTED_FILES)
  return { files, isAll: cursor === undefined }
}

/** @throws {ProblemError} `NOT_FOUND`, with the names that one may have meant: the hub knows them best */
export async function filesNamed(client: HubReader, name: string, signal: AbortSignal): Promise<readonly FileEntry[]> {
  return (await listedFiles(client, { name }, signal)).files
}

/** The peer of that name or address among those that are connected. */
export function peerNamed(name: string, peers: readonly PeerEntry[]): PeerEntry | undefined {
  return peers.find((peer) => peer.name === name) ?? peers.find((peer) => folded(peer.name) === folded(name))
}

/** @throws {ProblemError} `NOT_FOUND` */
export async function memberNamed(client: HubClient, name: string, signal: AbortSignal): Promise<Member> {
  const members = await client.members(signal)
  const found = members.find((member) => member.name === name) ?? members.find((member) => folded(member.name) === folded(name))
  if (found !== undefined) return found
  const names = members.map((member) => member.name)
  throw new ProblemError('NOT_FOUND', `No member named ${quoted(name)} on this hub. ${closeNames(name, names)}(members shows all)`)
}

/** `Close: "lecture-04", "lecture-04-slides". ` or nothing. */
export function closeNames(name: string, names: Iterable<string>): string {
  const close = nearest(name, names, 3)
  return close.length === 0 ? '' : `Close: ${close.map(quoted).join(', ')}. `
}

/** `192.168.1.10:6881`, `[::1]:6881`; nothing where the hub does not tell. */
export function addressOf({ ip, port }: { readonly ip?: string; readonly port?: number }): string {
  if (ip === undefined || port === undefined) return ''
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
