import { basename, dirname, join } from 'node:path'
import type { AddedTorrent, AddTorrent, Creation, TorrentItem } from '@shoal/api/daemon-api'
import { formatBytes, formatCounted, formatDuration, formatRate } from '@shoal/api/human'
import { ProblemError } from '@shoal/api/problem'
import { CliError } from '../../render/failure.ts'
import { clean, quoted, wholeLink } from '../../render/text.ts'
import { pairLines, sentence, spoken } from '../reply.ts'
import { misused, type Reply, type Verb, type VerbCall } from '../verb.ts'
import { untilNews } from './daemon-news.ts'
import { readFileNumbers } from './file-numbers.ts'
import { followTorrent, WorkError } from './follow-torrent.ts'
import { type PeerWorld, pathOf } from './peer-world.ts'
import { isLink, isThere, readSource } from './torrent-source.ts'
import { transferLines } from './torrent-text.ts'

export const WAIT = { name: 'wait', summary: 'until everything is here' } as const

/** The way of .torrent files and links: make them, share by them, get by them. */
export const ADD_VERBS: readonly Verb<PeerWorld>[] = [
  {
    name: 'create',
    summary: 'makes a .torrent file of a file or folder',
    arguments: [{ name: 'path' }, { name: 'folder', isOptional: true }, { name: 'tracker', isOptional: true, isRest: true }],
    usage: '<path> [folder for the torrent] [tracker...]',
    example: 'create lecture-04 . http://127.0.0.1:6880/announce',
    run: create,
  },
  {
    name: 'upload',
    summary: 'shares what a .torrent file describes, or any file or folder',
    arguments: [{ name: 'torrent' }, { name: 'tracker', isOptional: true, isRest: true }],
    options: [{ name: 'dir', value: 'folder', summary: 'where the data is (where the .torrent file is)' }],
    example: 'upload lecture-04.torrent http://127.0.0.1:6880/announce',
    run: upload,
  },
  {
    name: 'download',
    summary: 'gets what a .torrent file or link describes',
    arguments: [{ name: 'torrent' }, { name: 'folder', isOptional: true }],
    options: [WAIT],
    example: 'download lecture-04.torrent /data/lectures',
    run: download,
  },
  {
    name: 'downloads',
    summary: 'gets several at once, into the last folder',
    arguments: [{ name: 'torrents', isRest: true }],
    usage: '<torrent>... <folder>',
    options: [WAIT],
    example: 'downloads lecture-04.torrent lecture-05.torrent /data/lectures',
    run: downloads,
  },
  {
    name: 'add',
    summary: 'adds a .torrent file, magnet link, info hash or address',
    arguments: [{ name: 'torrent' }],
    options: [
      { name: 'dir', value: 'folder', summary: 'put it here (your download folder)' },
      { name: 'files', value: 'numbers', summary: 'only these, such as 1,3-5' },
      { name: 'label', value: 'label', summary: 'what it belongs to' },
      { name: 'tracker', value: 'url', summary: 'ask this tracker, too' },
      { name: 'peer', value: 'ip:port', summary: 'ask this peer, too' },
      { name: 'paused', summary: 'does not begin yet' },
      { name: 'sequential', summary: 'from the first piece to the last' },
      WAIT,
    ],
    example: 'add "magnet:?xt=urn:btih:..." --dir /data',
    run: add,
  },
]

async function create({ world, argument, words, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const path = pathOf(argument('path'), world)
  const target = join(pathOf(words.folder?.[0] ?? '.', world), `${basename(path)}.torrent`)
  const made = await world.maker.make({ path, target, trackers: words.tracker ?? [], signal })
  return {
    value: made,
    lines: (view) => [
      ...spoken(
        `${quoted(made.name)}: ${formatBytes(made.size)} in ${formatCounted(made.pieceCount, 'piece')} of ${formatBytes(made.pieceLength)}.`,
        view,
      ),
      ...pairLines(
        [
          ['torrent', clean(made.file)],
          ['info hash', made.infoHash],
          ['magnet', wholeLink(made.magnet)],
          ['share it', `upload ${clean(made.file)}`],
        ],
        view,
      ),
      ...made.warnings.flatMap((warning) => spoken(`Note: ${clean(warning)}`, view)),
    ],
  }
}

async function upload(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, argument, words, options, signal } = call
  const path = pathOf(argument('torrent'), world)
  const trackers = [...(words.tracker ?? [])]
  if (!path.endsWith('.torrent')) return uploadContent(call, path, trackers)
  const added = await world.client.add(
    {
      ...(await readSource(argument('torrent'), path)),
      dir: options.has('dir') ? pathOf(options.get('dir')!, world) : dirname(path),
      isUploadOnly: true,
      ...(trackers.length === 0 ? {} : { trackers }),
    },
    signal,
  )
  return addedReply(added, `Sharing ${quoted(added.torrent.name)} from ${clean(added.torrent.dir)}.`)
}

/** Makes the torrent first: the daemon keeps it, and no file is written. */
async function uploadContent(call: VerbCall<PeerWorld>, path: string, trackers: readonly string[]): Promise<Reply> {
  const { world, signal } = call
  if (!(await isThere(path))) throw missing(path)
  const begun = await world.client.create({ path, ...(trackers.length === 0 ? {} : { trackers: [[...trackers]] }) }, signal)
  const creation = await whenCreated(call, begun.id)
  const torrent = await world.client.torrent(creation, signal)
  return sentence(`Sharing ${quoted(torrent.name)} (${formatBytes(torrent.size)}). Its link: magnet ${torrent.id.slice(0, 8)}`, torrent)
}

/** @returns the id of the torrent that was made */
async function whenCreated({ world, signal }: VerbCall<PeerWorld>, id: string): Promise<string> {
  const idOf = (creation: Creation): string | undefined => {
    if (creation.error !== undefined) throw new WorkError(creation.error)
    if (creation.status === 'cancelled') throw new ProblemError('CONFLICT', 'It was cancelled meanwhile. Begin again with: upload')
    return creation.status === 'done' ? creation.torrentId : undefined
  }
  return untilNews(world, signal, {
    look: async (stop) => idOf(await world.client.creation(id, stop)),
    hear: (event) => (event.type === 'creation' && event.creation.id === id ? idOf(event.creation) : undefined),
  })
}

async function download(call: VerbCall<PeerWorld>): Promise<Reply> {
  const [folder] = call.words.folder ?? []
  return addOne(call, call.argument('torrent'), folder === undefined ? {} : { dir: pathOf(folder, call.world) })
}

async function downloads(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, words, options, signal } = call
  const all = words.torrents ?? []
  const folder = all.at(-1)
  const torrents = all.slice(0, -1)
  if (folder === undefined || torrents.length === 0 || isLink(folder) || folder.endsWith('.torrent')) {
    throw misused({ name: 'downloads', usage: '<torrent>... <folder>' }, 'The last word is the folder that all of them go to')
  }
  // Read first: a mistake in the last name begins nothing.
  const sources = await Promise.all(torrents.map((torrent) => readSource(torrent, pathOf(torrent, world))))
  const added: AddedTorrent[] = []
  for (const source of sources) added.push(await world.client.add({ ...source, dir: pathOf(folder, world) }, signal))
  if (options.has('wait')) {
    const done = await Promise.all(added.map(({ torrent }) => followTorrent(world, torrent.id, signal, () => {})))
    return sentence(`All ${done.length} are here, every piece verified: ${clean(pathOf(folder, world))}`, done)
  }
  return {
    value: added,
    lines: (view) => added.flatMap(({ torrent, notes }) => spoken([gettingText(torrent), ...notes.map(clean)].join(' '), view)),
  }
}

async function add(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, argument, options } = call
  const numbers = options.get('files')
  const files = numbers === undefined ? undefined : readFileNumbers(numbers)
  if (numbers !== undefined && files === undefined)
    throw misused({ name: 'add', usage: '<torrent> --files 1,3-5' }, `${quoted(numbers)} are no numbers of files`)
  const given = <K extends keyof AddTorrent>(
    option: string,
    key: K,
    value: (text: string) => AddTorrent[K],
  ): Pick<AddTorrent, K> | object => (options.has(option) ? { [key]: value(options.get(option)!) } : {})
  return addOne(call, argument('torrent'), {
    ...given('dir', 'dir', (dir) => pathOf(dir, world)),
    ...(files === undefined ? {} : { files }),
    ...given('label', 'labels', (label) => [label]),
    ...given('tracker', 'trackers', (tracker) => [tracker]),
    ...given('peer', 'peers', (peer) => [peer]),
    ...given('paused', 'isPaused', () => true),
    ...given('sequential', 'isSequential', () => true),
  })
}

async function addOne(call: VerbCall<PeerWorld>, word: string, how: AddTorrent): Promise<Reply> {
  const { world, options, signal } = call
  const added = await world.client.add({ ...(await readSource(word, pathOf(word, world))), ...how }, signal)
  if (options.has('wait')) return whenHere(call, added.torrent)
  return addedReply(added, gettingText(added.torrent))
}

/**
 * Shows how far it is, and ends when everything is here.
 *
 * @param path where it was to go, when that was said
 */
export async function whenHere({ world, signal, live, now }: VerbCall<PeerWorld>, torrent: TorrentItem, path?: string): Promise<Reply> {
  const begunAt = now()
  const had = torrent.downloaded
  const done = await followTorrent(world, torrent.id, signal, (item, pieces) => {
    live(({ columns, palette }) => transferLines(item, pieces, columns(), palette))
  })
  return sentence(doneText(done, done.downloaded - had, now() - begunAt, path), done)
}

/** `"lecture-04" is here: 1.42 GiB in 3.6 s (412 MB/s), every piece verified, in /home/an/Downloads` */
export function doneText(done: TorrentItem, bytes: number, ms: number, path?: string): string {
  const how = bytes <= 0 ? '' : ` in ${formatDuration(ms)} (${formatRate((bytes * 1_000) / Math.max(1, ms))})`
  return `${quoted(done.name)} is here: ${formatBytes(done.wantedSize)}${how}, every piece verified${path === undefined ? `, in ${clean(done.dir)}` : `: ${clean(path)}`}`
}

export function gettingText({ name, size, dir, id }: TorrentItem): string {
  const what = size === 0 ? 'something that is not known yet' : `${quoted(name)} (${formatBytes(size)})`
  return `Getting ${what} into ${clean(dir)}. How far it is: show ${id.slice(0, 8)}`
}

function addedReply(added: AddedTorrent, text: string): Reply {
  // Of one that was here already the notes say so, and what it has got from this.
  const sentences = [...(added.isNew ? [text] : []), ...added.notes.map((note) => clean(note).replace(/\.?$/, '.'))]
  return { value: added, lines: (view) => sentences.flatMap((each) => spoken(each, view)) }
}

function missing(path: string): CliError {
  return new CliError('FILE_MISSING', `Cannot share ${quoted(path)}: there is no such file or folder. Check the name`)
}
