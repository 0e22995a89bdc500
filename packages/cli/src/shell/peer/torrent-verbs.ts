import type { TorrentDetail, TorrentFileItem, TorrentItem } from '@shoal/api/daemon-api'
import { formatBytes, formatCount, formatCounted, formatDuration, formatPercent, formatRate, formatTimeLeft } from '@shoal/api/human'
import { decodePieceMap, describePieces } from '@shoal/api/piece-map'
import { Bitfield } from '@shoal/protocol/bitfield'
import { clean, quoted, wholeLink } from '../../render/text.ts'
import { addressOf } from '../hub/hub-world.ts'
import { pairsReply, sentence, spoken, tableReply } from '../reply.ts'
import type { Reply, Verb, VerbCall } from '../verb.ts'
import { type PeerWorld, torrentNamed, torrentNames } from './peer-world.ts'
import { isComplete, statusText } from './torrent-text.ts'

/** Spans of missing pieces that are shown to a person. */
const SHOWN_SPANS = 8
/** Torrents that are asked about at once. */
const MANY_TORRENTS = 32

const TORRENT = { name: 'torrent', isRest: true, complete: torrentNames } as const
const ANY_TORRENT = { ...TORRENT, isOptional: true } as const

/** What shows the torrents of this peer. */
export const TORRENT_VERBS: readonly Verb<PeerWorld>[] = [
  {
    name: 'list',
    aliases: ['ls'],
    summary: 'shows your torrents, or those with words in their name or label',
    arguments: [{ name: 'words', isOptional: true, isRest: true, complete: torrentNames }],
    example: 'list lecture',
    run: list,
  },
  { name: 'show', summary: 'shows everything about a torrent', arguments: [TORRENT], example: 'show lecture-04', run: show },
  {
    name: 'files',
    summary: 'shows the files of a torrent, with their numbers',
    arguments: [TORRENT],
    example: 'files lecture-04',
    run: files,
  },
  {
    name: 'peers',
    aliases: ['p'],
    summary: 'shows who is connected, of one torrent or of all',
    arguments: [ANY_TORRENT],
    example: 'p lecture-04',
    run: peers,
  },
  { name: 'trackers', summary: 'shows what the trackers say', arguments: [TORRENT], example: 'trackers lecture-04', run: trackers },
  {
    name: 'scrape',
    summary: 'shows how many have a torrent, as its trackers count them',
    arguments: [TORRENT],
    example: 'scrape lecture-04',
    run: scrape,
  },
  {
    name: 'l',
    aliases: ['missing'],
    summary: 'shows which pieces are missing',
    arguments: [ANY_TORRENT],
    example: 'l lecture-04',
    run: missing,
  },
  { name: 'log', summary: 'shows what happened to a torrent', arguments: [TORRENT], example: 'log lecture-04', run: log },
  { name: 'magnet', summary: 'shows the magnet link of a torrent', arguments: [TORRENT], example: 'magnet lecture-04', run: magnet },
]

async function meant({ world, words, signal }: VerbCall<PeerWorld>): Promise<TorrentItem> {
  return torrentNamed(world, (words.torrent ?? []).join(' '), signal)
}

async function list({ world, words, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const asked = (words.words ?? []).join(' ').toLowerCase()
  const all = await world.client.torrents(signal)
  const shown = all.filter(({ name, labels }) => [name, ...labels].some((text) => text.toLowerCase().includes(asked)))
  if (shown.length === 0 && all.length > 0) return sentence(`None of your ${all.length} torrents has ${quoted(asked)} in its name.`, [])
  return tableReply(
    {
      columns: [
        { title: 'name', leastCells: 14 },
        { title: 'size', isNumber: true },
        { title: 'here', isNumber: true },
        { title: 'status', leastCells: 8 },
        { title: 'down', isNumber: true },
        { title: 'up', isNumber: true },
        { title: 'peers', isNumber: true },
      ],
      rows: shown.map((torrent) => [
        torrent.name,
        torrent.size === 0 ? '' : formatBytes(torrent.wantedSize),
        torrent.size === 0 ? '' : formatPercent(torrent.haveBytes, torrent.wantedSize),
        statusText(torrent),
        torrent.downloadRate > 0 ? formatRate(torrent.downloadRate) : '',
        torrent.uploadRate > 0 ? formatRate(torrent.uploadRate) : '',
        formatCount(torrent.peers),
      ]),
    },
    shown,
    'Nothing is here yet. Get something with: get <name or link>, share something with: share <path>',
  )
}

async function show(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { id } = await meant(call)
  const detail = await call.world.client.torrent(id, call.signal)
  return pairsReply(factsOf(detail, call.now()), detail)
}

function factsOf(torrent: TorrentDetail, now: number): (readonly [string, string])[] {
  const isKnown = torrent.size > 0
  const left = formatTimeLeft(torrent.etaMs ?? undefined)
  const pieces = `${formatCounted(torrent.pieceCount, 'piece')} of ${formatBytes(torrent.pieceLength)}`
  const facts: (readonly [string, string] | undefined)[] = [
    ['name', clean(torrent.name)],
    ['status', statusText(torrent) + (torrent.error === undefined ? '' : `: ${clean(torrent.error.detail)} (${torrent.error.code})`)],
    ['here', isKnown ? hereText(torrent) + (left === '' ? '' : `, ${left}`) : 'not known yet'],
    isKnown ? ['pieces', pieces] : undefined,
    ['folder', clean(torrent.dir)],
    [
      'moved',
      `${formatBytes(torrent.downloaded)} down (${formatRate(torrent.downloadRate)}), ${formatBytes(torrent.uploaded)} up (${formatRate(torrent.uploadRate)})`,
    ],
    torrent.wasted > 0 ? ['wasted', formatBytes(torrent.wasted)] : undefined,
    [
      'peers',
      `${formatCount(torrent.peers)} connected; trackers count ${countOf(torrent.seeds, 'seed')}, ${countOf(torrent.leechers, 'leecher')}`,
    ],
    torrent.labels.length > 0 ? ['labels', torrent.labels.map(clean).join(', ')] : undefined,
    torrent.publications.length > 0
      ? ['shared as', torrent.publications.map(({ hub, name }) => `${clean(name)} on ${clean(hub)}`).join(', ')]
      : undefined,
    limitsOf(torrent),
    flagsOf(torrent),
    ['added', `${formatDuration(now - torrent.addedAt)} ago`],
    torrent.comment === undefined ? undefined : ['comment', clean(torrent.comment)],
    ['info hash', torrent.id],
    ['magnet', wholeLink(torrent.magnet)],
  ]
  return facts.filter((fact) => fact !== undefined)
}

function hereText({ haveBytes, wantedSize, size }: TorrentItem): string {
  const all = `${formatBytes(haveBytes)} of ${formatBytes(wantedSize)} (${formatPercent(haveBytes, wantedSize)})`
  return wantedSize === size ? all : `${all}; ${formatBytes(size)} with what is not wanted`
}

function countOf(count: number | null, one: string): string {
  return count === null ? `no ${one} yet` : formatCounted(count, one)
}

function limitsOf({ downloadLimit, uploadLimit, maxConnections }: TorrentItem): readonly [string, string] | undefined {
  const limits = [
    downloadLimit === null ? '' : `${formatRate(downloadLimit)} down`,
    uploadLimit === null ? '' : `${formatRate(uploadLimit)} up`,
    maxConnections === null ? '' : formatCounted(maxConnections, 'connection'),
  ].filter((limit) => limit !== '')
  return limits.length === 0 ? undefined : ['limits', limits.join(', ')]
}

function flagsOf({ isPrivate, isSequential, isSuperSeeding, isForced }: TorrentItem): readonly [string, string] | undefined {
  const flags = [
    isPrivate ? 'private' : '',
    isSequential ? 'in order' : '',
    isSuperSeeding ? 'super-seeding' : '',
    isForced ? 'outside of the queue' : '',
  ].filter((flag) => flag !== '')
  return flags.length === 0 ? undefined : ['set', flags.join(', ')]
}

const PRIORITY_WORDS: readonly string[] = ['not wanted', 'low', 'low', 'low', '', 'high', 'high', 'first']

async function files(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { id, name } = await meant(call)
  const all: readonly TorrentFileItem[] = await call.world.client.torrentFiles(id, call.signal)
  return tableReply(
    {
      columns: [
        { title: 'n', isNumber: true },
        { title: 'file', leastCells: 16 },
        { title: 'size', isNumber: true },
        { title: 'here', isNumber: true },
        { title: 'priority' },
      ],
      rows: all.map((file) => [
        String(file.index + 1),
        file.path.join('/'),
        formatBytes(file.size),
        formatPercent(file.haveBytes, file.size),
        PRIORITY_WORDS[file.priority] ?? '',
      ]),
    },
    all,
    `Which files are in ${quoted(name)} is not known yet.`,
  )
}

async function peers(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, words, signal } = call
  const asked = (words.torrent ?? []).length > 0
  const torrents = asked ? [await meant(call)] : (await world.client.torrents(signal)).filter((torrent) => torrent.peers > 0)
  const some = torrents.slice(0, MANY_TORRENTS)
  const found = await Promise.all(
    some.map(async (torrent) => (await world.client.torrentPeers(torrent.id, signal)).map((peer) => ({ torrent: torrent.name, ...peer }))),
  )
  const all = found.flat()
  return tableReply(
    {
      columns: [
        ...(asked ? [] : [{ title: 'torrent', leastCells: 10 }]),
        { title: 'address' },
        { title: 'program', leastCells: 8 },
        { title: 'has', isNumber: true },
        { title: 'down', isNumber: true },
        { title: 'up', isNumber: true },
        { title: '' },
      ],
      rows: all.map((peer) => [
        ...(asked ? [] : [peer.torrent]),
        addressOf(peer),
        peer.client,
        formatPercent(peer.progress, 1),
        formatRate(peer.downloadRate),
        formatRate(peer.uploadRate),
        peer.flags,
      ]),
    },
    all,
    'Nobody is connected now.',
    'D we get, d we want and are choked, U we give, u they want and are choked, S silent for too long.',
  )
}

async function trackers(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { id, name } = await meant(call)
  const all = await call.world.client.trackers(id, call.signal)
  const moment = call.now()
  return tableReply(
    {
      columns: [
        { title: 'tier', isNumber: true },
        { title: 'tracker', leastCells: 20 },
        { title: 'status' },
        { title: 'seeds', isNumber: true },
        { title: 'leechers', isNumber: true },
        { title: 'next in' },
        { title: 'says', leastCells: 8 },
      ],
      rows: all.map((tracker) => [
        String(tracker.tier + 1),
        tracker.url,
        tracker.status,
        String(tracker.seeds ?? ''),
        String(tracker.leechers ?? ''),
        tracker.nextAnnounceAt === null ? '' : formatDuration(Math.max(0, tracker.nextAnnounceAt - moment)),
        tracker.message ?? '',
      ]),
    },
    all,
    `${quoted(name)} names no tracker: others must be told where you are.`,
  )
}

/** Peers are counted by each tracker for itself, and most of them are the same: the largest count is the best. */
async function scrape(call: VerbCall<PeerWorld>): Promise<Reply> {
  const torrent = await meant(call)
  const all = await call.world.client.trackers(torrent.id, call.signal)
  const most = (counts: readonly (number | null)[]): number | null =>
    counts.reduce((best, count) => (count === null ? best : Math.max(best ?? 0, count)), null)
  const seeds = most([torrent.seeds, ...all.map((tracker) => tracker.seeds)])
  const leechers = most([torrent.leechers, ...all.map((tracker) => tracker.leechers)])
  const value = { id: torrent.id, name: torrent.name, seeds, leechers, trackers: all }
  if (seeds === null && leechers === null) {
    return sentence(`No tracker has counted who has ${quoted(torrent.name)}. Ask them now: announce ${torrent.id.slice(0, 8)}`, value)
  }
  return sentence(`${quoted(torrent.name)}: ${formatCounted(seeds ?? 0, 'seed')}, ${formatCounted(leechers ?? 0, 'leecher')}.`, value)
}

async function missing(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, words, signal } = call
  const asked = (words.torrent ?? []).length > 0
  const torrents = asked ? [await meant(call)] : (await world.client.torrents(signal)).filter((torrent) => !isComplete(torrent))
  const details = await Promise.all(torrents.slice(0, MANY_TORRENTS).map(({ id }) => world.client.torrent(id, signal)))
  const value = details.map(({ id, name, pieceCount, pieces }) => ({ id, name, pieceCount, pieces }))
  return {
    value: asked ? value[0] : value,
    lines: (view) =>
      details.length === 0 ? spoken('Nothing is missing.', view) : details.flatMap((detail) => spoken(missingText(detail), view)),
  }
}

function missingText({ name, pieceCount, pieceLength, pieces, haveBytes, wantedSize }: TorrentDetail): string {
  if (pieceCount === 0) return `${quoted(name)}: how many pieces it has is not known yet.`
  const have = decodePieceMap(pieces, pieceCount)
  if (have === undefined) return `${quoted(name)}: which pieces are here is not known.`
  if (have.count === pieceCount) return `${quoted(name)}: all ${formatCounted(pieceCount, 'piece')} are here.`
  const lacking = Bitfield.empty(pieceCount)
  for (let piece = 0; piece < pieceCount; piece++) if (!have.has(piece)) lacking.set(piece)
  const spans = describePieces(lacking, SHOWN_SPANS)
  if (!pieces.startsWith('~'))
    return `${quoted(name)}: ${formatCount(lacking.count)} of ${formatCounted(pieceCount, 'piece')} missing: ${spans}`
  // A map of buckets shows where something is missing, and not how much.
  const about = formatCount(Math.ceil((wantedSize - haveBytes) / pieceLength))
  return `${quoted(name)}: about ${about} of ${formatCounted(pieceCount, 'piece')} missing, scattered over ${spans}`
}

async function log(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { id, name } = await meant(call)
  const lines = await call.world.client.log(id, call.signal)
  const moment = call.now()
  return tableReply(
    {
      columns: [{ title: 'when' }, { title: 'level' }, { title: 'what', leastCells: 20 }],
      rows: lines.map(({ at, level, text }) => [`${formatDuration(moment - at)} ago`, level, text]),
    },
    lines,
    `Nothing worth a line has happened to ${quoted(name)} yet.`,
  )
}

async function magnet(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { id } = await meant(call)
  const { magnet: link } = await call.world.client.torrent(id, call.signal)
  // Whole, whatever the width: it is there to be copied.
  return { value: { magnet: link }, lines: () => [wholeLink(link)] }
}
