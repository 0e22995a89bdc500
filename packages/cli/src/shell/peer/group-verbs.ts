import type { HubItem, Publication } from '@shoal/api/daemon-api'
import { formatBytes, formatCounted } from '@shoal/api/human'
import { ProblemError } from '@shoal/api/problem'
import { qrLines } from '../../render/qr-code.ts'
import { clean, quoted, wholeLink } from '../../render/text.ts'
import { LISTING_VERBS } from '../hub/file-verbs.ts'
import { closeNames, type HubView } from '../hub/hub-world.ts'
import { PEER_VERBS } from '../hub/peer-verbs.ts'
import { pairLines, sentence, spoken, tableReply } from '../reply.ts'
import { misused, type Reply, type Verb, type VerbCall, type View } from '../verb.ts'
import { gettingText, WAIT, whenHere } from './add-verbs.ts'
import { whileHashing } from './hash-progress.ts'
import { hubNamed, hubNames, type PeerWorld, pathOf, viewOfHub } from './peer-world.ts'

const HUB = { name: 'hub', value: 'hub', summary: 'when there are several: its name or address' } as const
const INVITE = { name: 'invite', value: 'code', summary: 'where the hub asks for an invitation' } as const
const ONE_HUB = { name: 'hub', isOptional: true, complete: hubNames } as const

/** What a group does with its hub. */
export const GROUP_VERBS: readonly Verb<PeerWorld>[] = [
  {
    name: 'connect',
    summary: 'joins a hub, and keeps the connection',
    arguments: [{ name: 'address', isRest: true }],
    usage: '<ip> <port> | <address>',
    options: [{ name: 'default', summary: 'publish and fetch use it when none is named' }],
    example: 'connect 192.168.1.2 6880',
    run: connect,
  },
  {
    name: 'disconnect',
    summary: 'leaves a hub, and forgets it',
    arguments: [{ name: 'hub', complete: hubNames }],
    example: 'disconnect class',
    run: disconnect,
  },
  { name: 'hubs', summary: 'shows the hubs that you know', example: 'hubs', run: hubs },
  {
    name: 'register',
    summary: 'makes an account at a hub, and asks for its password',
    arguments: [{ name: 'name' }, ONE_HUB],
    options: [INVITE],
    example: 'register an --invite K7mQ',
    run: register,
  },
  {
    name: 'login',
    summary: 'signs in at a hub; the token is kept safe',
    arguments: [{ name: 'name' }, ONE_HUB],
    example: 'login an',
    run: login,
  },
  { name: 'logout', summary: 'signs out', arguments: [ONE_HUB], example: 'logout', run: logout },
  {
    name: 'publish',
    summary: 'shares a file or folder with the group, under a name',
    arguments: [{ name: 'path' }, { name: 'name', isOptional: true, isRest: true }],
    options: [HUB],
    example: 'publish ./lecture-04 "Lecture 4"',
    run: publish,
  },
  {
    name: 'share',
    summary: 'the same, with a link, a magnet and a QR code to pass on',
    arguments: [{ name: 'path' }, { name: 'name', isOptional: true, isRest: true }],
    options: [HUB, { name: 'qr', summary: 'shows the link as a QR code' }],
    example: 'share ./lecture-04 --qr',
    run: share,
  },
  { name: 'shared', summary: 'shows what you share with the group', example: 'shared', run: shared },
  {
    name: 'unpublish',
    summary: 'takes it out of the list of the hub; your data stays',
    arguments: [{ name: 'name', isRest: true, complete: publishedNames }],
    options: [HUB],
    example: 'unpublish lecture-04',
    run: unpublish,
  },
  {
    name: 'fetch',
    aliases: ['get'],
    summary: 'gets what somebody shares, from all who have it',
    arguments: [
      { name: 'name', complete: (world, before, signal) => hubFileNames(world, before, signal) },
      { name: 'destination', isOptional: true },
      { name: 'from', isOptional: true, isRest: true },
    ],
    usage: '<name> [destination] [ip port]',
    options: [{ name: 'from', value: 'ip:port', summary: 'only from this peer' }, HUB, WAIT],
    example: 'fetch lecture-04 ./lecture-04 --from 192.168.1.12:6881',
    run: fetch,
  },
  {
    name: 'search',
    summary: 'shows what is shared that matches the words',
    arguments: [{ name: 'words', isRest: true, complete: hubFileNames }],
    options: [HUB],
    example: 'search sorting',
    run: async (call) => listingVerb('list_files').run({ ...call, world: await viewOf(call) }),
  },
  // `p` and `peers`, `files` and `ls` are about this peer's own torrents.
  ...[...PEER_VERBS, ...LISTING_VERBS].map((verb) => throughPeer(verb, verb.name === 'list_chunkinfo' ? ['chunks'] : [])),
]

/** A verb that looks at a hub, as a peer asks that hub. */
function throughPeer(verb: Verb<HubView>, aliases: readonly string[]): Verb<PeerWorld> {
  return {
    ...verb,
    aliases,
    options: [...(verb.options ?? []), HUB],
    arguments: (verb.arguments ?? []).map((argument) => ({
      ...argument,
      complete: async (world: PeerWorld, before: readonly string[], signal: AbortSignal) =>
        (await argument.complete?.(viewOfHub(world, await hubNamed(world, undefined, signal)), before, signal)) ?? [],
    })),
    run: async (call) => verb.run({ ...call, world: await viewOf(call) }),
  }
}

function listingVerb(name: string): Verb<HubView> {
  const verb = LISTING_VERBS.find((each) => each.name === name)
  if (verb === undefined) throw new Error(`Cannot happen: there is no verb ${name}`)
  return verb
}

async function viewOf({ world, options, signal }: VerbCall<PeerWorld>): Promise<HubView> {
  return viewOfHub(world, await hubNamed(world, options.get('hub'), signal))
}

async function hubFileNames(world: PeerWorld, before: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  if (before.length > 0) return []
  const { client } = viewOfHub(world, await hubNamed(world, undefined, signal))
  return (await client.files({ limit: 100 }, signal)).items.map(({ name }) => name)
}

async function publishedNames({ client }: PeerWorld, _before: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  return (await client.publications(signal)).map(({ name }) => name)
}

async function connect({ world, words, options, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const address = words.address ?? []
  if (address.length > 2) throw misused({ name: 'connect', usage: '<ip> <port> | <address>' }, 'A hub has one address')
  const url = address.join(':')
  const hub = await world.client.connect({ url, ...(options.has('default') ? { isDefault: true } : {}) }, signal)
  return sentence(connectionText(hub), hub)
}

/** Whether one is in, and what to do when one is not. */
export function connectionText(hub: HubItem): string {
  const where = `${quoted(hub.name)} at ${clean(hub.url)}`
  switch (hub.status) {
    case 'connected': {
      const as = hub.peerName === undefined ? '' : ` as ${quoted(hub.peerName)}`
      return `Connected to ${where}${as}. What is shared there: list_files`
    }
    case 'connecting':
      return `Connecting to ${where}. See: hubs`
    case 'away':
      return `${where} does not answer: ${detailOf(hub)}. It is tried again by itself; see: hubs`
    case 'refused':
      if (hub.account !== undefined) return `${where} does not let you in: ${detailOf(hub)}`
      return `${where} lets only members in. Come in with: login <name>, or: register <name> --invite <code>`
  }
}

function detailOf({ detail }: HubItem): string {
  return clean(detail ?? 'nobody said why').replace(/\.$/, '')
}

async function disconnect({ world, argument, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const hub = await hubNamed(world, argument('hub'), signal)
  await world.client.forgetHub(hub.id, signal)
  return sentence(`Left ${quoted(hub.name)}. What was got there stays, and what is here is still shared with its swarms.`, { left: hub.id })
}

async function hubs({ world, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const all = await world.client.hubs(signal)
  return tableReply(
    {
      columns: [
        { title: 'name', leastCells: 10 },
        { title: 'address', leastCells: 16 },
        { title: 'status' },
        { title: 'as', leastCells: 6 },
        { title: 'account', leastCells: 6 },
        { title: '', leastCells: 10 },
      ],
      rows: all.map((hub) => [
        hub.name,
        hub.url,
        hub.status,
        hub.peerName ?? '',
        hub.account === undefined ? '' : `${hub.account.name} (${hub.account.role})`,
        hub.status === 'connected' ? (hub.isDefault ? 'default' : '') : (hub.detail ?? ''),
      ]),
    },
    all,
    'You know no hub yet. Join one with: connect <address>, or run your own: shoal up',
  )
}

async function register(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, words, options, argument, ask, isInteractive, signal } = call
  const hub = await hubNamed(world, words.hub?.[0], signal)
  const name = argument('name')
  const password = await ask(`  New password for ${quoted(name)}: `, 'secret')
  if (isInteractive && (await ask('  Once more: ', 'secret')) !== password) {
    throw new ProblemError('VALIDATION', 'The two passwords are not the same, so no account was made. Try again')
  }
  const invite = options.has('invite') ? { invite: options.get('invite')! } : {}
  return signedIn(await world.client.register(hub.id, { name, password, ...invite }, signal))
}

async function login({ world, words, argument, ask, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const hub = await hubNamed(world, words.hub?.[0], signal)
  const name = argument('name')
  return signedIn(await world.client.signIn(hub.id, { name, password: await ask(`  Password of ${quoted(name)}: `, 'secret') }, signal))
}

function signedIn(hub: HubItem): Reply {
  const who = hub.account === undefined ? 'in' : `in as ${quoted(hub.account.name)} (${hub.account.role})`
  return sentence(`You are ${who} at ${quoted(hub.name)}.`, hub)
}

async function logout({ world, words, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const hub = await hubNamed(world, words.hub?.[0], signal)
  await world.client.signOut(hub.id, signal)
  return sentence(`Signed out at ${quoted(hub.name)}.`, { signedOut: hub.id })
}

async function publishNow(call: VerbCall<PeerWorld>): Promise<Publication> {
  const { world, words, options, argument, signal } = call
  const name = (words.name ?? []).join(' ')
  const hub = await hubNamed(world, options.get('hub'), signal)
  const path = pathOf(argument('path'), world)
  const wish = { path, hub: hub.id, ...(name === '' ? {} : { name }) }
  return whileHashing(call, path, () => world.client.publish(wish, signal))
}

async function publish(call: VerbCall<PeerWorld>): Promise<Reply> {
  const published = await publishNow(call)
  const size = `${formatBytes(published.size)}, ${formatCounted(published.pieceCount, 'piece')} of ${formatBytes(published.pieceLength)}`
  const known = published.isKnown ? 'The hub has it' : 'The hub is away, and is told when it is back'
  return sentence(
    `Sharing ${quoted(published.name)} (${size}). ${known}; others get it with: fetch ${shownName(published.name)}`,
    published,
  )
}

async function share(call: VerbCall<PeerWorld>): Promise<Reply> {
  const published = await publishNow(call)
  return { value: published, lines: (view) => shareCard(published, view, call.options.has('qr')) }
}

/**
 * What one passes on: the name, a link, a magnet, and the link as a QR code when it is asked for.
 *
 * @param by what others get it by: the name for those who are at the hub, else the link
 */
export function shareCard(published: Publication, view: View, showsCode: boolean, by: 'name' | 'link' = 'name'): string[] {
  const size = `${formatBytes(published.size)} · ${formatCounted(published.pieceCount, 'piece')} of ${formatBytes(published.pieceLength)}`
  const { strong } = view.palette
  return [
    view.isTerminal ? `  ${strong(clean(published.name))}    ${size}` : `${clean(published.name)}\t${size}`,
    ...pairLines(
      [
        ['get it with', `shoal get ${by === 'name' ? shownName(published.name) : wholeLink(published.link)}`],
        ['link', wholeLink(published.link)],
        ['magnet', wholeLink(published.magnet)],
      ],
      view,
    ),
    ...(showsCode ? ['', ...qrLines(published.link)] : []),
    ...spoken(whoHasIt(published), view),
  ]
}

function whoHasIt({ isKnown, mayLeave, copiesElsewhere }: Publication): string {
  if (!isKnown) return 'The hub is away: it is told as soon as it is back, and until then nobody finds this there.'
  if (mayLeave) return `Others hold every piece (${formatCounted(copiesElsewhere, 'copy', 'copies')}): this machine may go off line.`
  return 'Keep this machine on until others have it all: nobody else holds every piece yet.'
}

async function shared({ world, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const all = await world.client.publications(signal)
  const known = await world.client.hubs(signal)
  return tableReply(
    {
      columns: [
        { title: 'name', leastCells: 12 },
        { title: 'size', isNumber: true },
        { title: 'hub', leastCells: 8 },
        { title: 'copies', isNumber: true },
        { title: 'you may leave' },
        { title: 'path', leastCells: 10 },
      ],
      rows: all.map((each) => [
        each.name,
        formatBytes(each.size),
        known.find(({ id }) => id === each.hub)?.name ?? each.hub,
        String(each.copiesElsewhere),
        each.isKnown ? (each.mayLeave ? 'yes' : 'not yet') : 'hub is away',
        each.path,
      ]),
    },
    all,
    'You share nothing with a group yet. Share with: share <path>',
  )
}

async function unpublish({ world, words, options, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const name = (words.name ?? []).join(' ')
  const all = await world.client.publications(signal)
  const only = options.has('hub') ? (await hubNamed(world, options.get('hub'), signal)).id : undefined
  const named = all.filter((each) => each.name === name && (only === undefined || each.hub === only))
  const [publication, another] = named
  if (publication === undefined) {
    const names = all.map((each) => each.name)
    throw new ProblemError('NOT_FOUND', `You share nothing named ${quoted(name)}. ${closeNames(name, names)}(shared shows all)`)
  }
  if (another !== undefined) throw new ProblemError('AMBIGUOUS', `You share ${quoted(name)} on several hubs. Say which with --hub`)
  await world.client.unpublish(publication.hub, publication.name, signal)
  return sentence(
    `${quoted(name)} is not in the list of the hub any more, and what was shared only there is not served any more. Your data stays.`,
    {
      unpublished: publication,
    },
  )
}

async function fetch(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, words, options, argument, signal } = call
  const [destination] = words.destination ?? []
  const typed = words.from ?? []
  if (typed.length > 0 && options.has('from'))
    throw misused({ name: 'fetch', usage: '<name> [destination] [ip port]' }, 'Name the peer once')
  const from = options.get('from') ?? (typed.length === 0 ? undefined : typed.join(':'))
  const hub = options.has('hub') ? { hub: (await hubNamed(world, options.get('hub'), signal)).id } : {}
  await joinHubOf(argument('name'), world, signal)
  const torrent = await world.client.fetch(
    {
      what: argument('name'),
      ...hub,
      ...(destination === undefined ? {} : { destination: pathOf(destination, world) }),
      ...(from === undefined ? {} : { from }),
    },
    signal,
  )
  if (!options.has('wait')) return sentence(gettingText(torrent), torrent)
  return whenHere(call, torrent, destination === undefined ? undefined : pathOf(destination, world))
}

/** Whoever follows a link of a hub wants to be there: it is joined when it is not known yet. */
async function joinHubOf(link: string, { client }: PeerWorld, signal: AbortSignal): Promise<void> {
  const [, url] = /^(https?:\/\/\S+)\/s\/[\w-]+$/i.exec(link.trim()) ?? []
  if (url === undefined) return
  const known = await client.hubs(signal)
  if (!known.some((hub) => hub.url === url)) await client.connect({ url }, signal)
}

/** The name as one types it. */
function shownName(name: string): string {
  return /^[^\s"']+$/.test(name) ? clean(name) : `"${clean(name).replaceAll('"', '""')}"`
}
