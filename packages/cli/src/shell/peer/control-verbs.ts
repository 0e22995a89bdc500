import type { TorrentChange, TorrentItem } from '@shoal/api/daemon-api'
import { formatCounted, formatRate, parseRate } from '@shoal/api/human'
import { ProblemError } from '@shoal/api/problem'
import { clean, quoted } from '../../render/text.ts'
import { pairsReply, sentence, tableReply } from '../reply.ts'
import { misused, type Reply, type Verb, type VerbCall } from '../verb.ts'
import { readFileNumbers } from './file-numbers.ts'
import { type PeerWorld, pathOf, torrentNamed, torrentNames } from './peer-world.ts'
import { isGoingOn, statusText, totalsText } from './torrent-text.ts'

const TORRENT = { name: 'torrent', isRest: true, complete: torrentNames } as const
const ONE_TORRENT = { name: 'torrent', complete: torrentNames } as const
const ANY_TORRENT = { ...TORRENT, isOptional: true } as const
const ALL = { name: 'all', summary: 'every torrent' } as const

/** What is done to torrents. */
export const CONTROL_VERBS: readonly Verb<PeerWorld>[] = [
  {
    name: 'stop',
    summary: 'leaves a torrent, or all, and shows what was down- and uploaded',
    arguments: [ANY_TORRENT],
    example: 'stop lecture-04',
    run: stop,
  },
  { name: 'pause', summary: 'lets a torrent rest', arguments: [ANY_TORRENT], options: [ALL], example: 'pause lecture-04', run: pause },
  { name: 'resume', summary: 'lets it go on', arguments: [ANY_TORRENT], options: [ALL], example: 'resume --all', run: resume },
  {
    name: 'remove',
    aliases: ['rm'],
    summary: 'takes a torrent out of your list; its data stays',
    arguments: [TORRENT],
    options: [{ name: 'data', summary: 'moves the data to the recycle folder, too' }],
    example: 'remove lecture-04 --data',
    run: remove,
  },
  { name: 'recheck', summary: 'reads and checks what is on the disk', arguments: [TORRENT], example: 'recheck lecture-04', run: recheck },
  { name: 'announce', summary: 'asks the trackers now', arguments: [ANY_TORRENT], example: 'announce lecture-04', run: announce },
  {
    name: 'move',
    aliases: ['mv'],
    summary: 'moves the data to another folder, and goes on there',
    arguments: [ONE_TORRENT, { name: 'folder' }],
    example: 'move lecture-04 /data/lectures',
    run: move,
  },
  {
    name: 'rename',
    summary: 'gives a torrent another name in your list; files keep theirs',
    arguments: [ONE_TORRENT, { name: 'name', isRest: true }],
    example: 'rename lecture-04 Sorting',
    run: rename,
  },
  {
    name: 'label',
    summary: 'says what belongs together; without labels it takes them away',
    arguments: [ONE_TORRENT, { name: 'labels', isOptional: true, isRest: true }],
    example: 'label lecture-04 algorithms video',
    run: label,
  },
  {
    name: 'limit',
    summary: 'bounds the rates of a torrent, or of everything; off is no bound',
    arguments: [ANY_TORRENT],
    options: [
      { name: 'down', value: 'rate', summary: '5MB, 500KB, off' },
      { name: 'up', value: 'rate', summary: '5MB, 500KB, off' },
    ],
    example: 'limit --up 5MB',
    run: limit,
  },
  {
    name: 'priority',
    summary: 'says which files are wanted, and which come first',
    arguments: [ONE_TORRENT, { name: 'files' }, { name: 'priority', complete: async () => Object.keys(PRIORITIES) }],
    usage: '<torrent> <1,3-5 | all> <skip | low | normal | high | first>',
    example: 'priority lecture-04 1,3-5 high',
    run: priority,
  },
  {
    name: 'sequential',
    summary: 'gets pieces from the first to the last, to watch while they come',
    arguments: [ONE_TORRENT, { name: 'on', isOptional: true, complete: async () => ['on', 'off'] }],
    usage: '<torrent> [on | off]',
    example: 'sequential lecture-04 on',
    run: sequential,
  },
  {
    name: 'queue',
    summary: 'shows who waits and runs in which order, or moves one in it',
    arguments: [
      { ...ONE_TORRENT, isOptional: true },
      { name: 'position', isOptional: true },
    ],
    options: [
      { name: 'force', summary: 'runs whatever the queue says' },
      { name: 'unforce', summary: 'waits its turn again' },
    ],
    example: 'queue lecture-04 1',
    run: queue,
  },
]

async function one({ world, words, signal }: VerbCall<PeerWorld>): Promise<TorrentItem> {
  return torrentNamed(world, (words.torrent ?? []).join(' '), signal)
}

/** The named torrent, or all of those that `which` takes. */
async function some(call: VerbCall<PeerWorld>, name: string, which: (torrent: TorrentItem) => boolean): Promise<TorrentItem[]> {
  const isNamed = (call.words.torrent ?? []).length > 0
  if (isNamed && call.options.has('all')) throw misused({ name, usage: '<torrent> | --all' }, 'Name a torrent, or say --all')
  if (isNamed) return [await one(call)]
  return (await call.world.client.torrents(call.signal)).filter(which)
}

function needsOneOrAll({ words, options }: VerbCall<PeerWorld>, name: string): void {
  if ((words.torrent ?? []).length > 0 || options.has('all')) return
  throw misused({ name, usage: '<torrent> | --all' }, `${name} needs a torrent, or --all`)
}

/** To leave is to tell the trackers and to disconnect; what is there stays, and can go on. */
async function stop(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, signal } = call
  const running = await some(call, 'stop', ({ status }) => status !== 'paused' && status !== 'failed')
  const stopped: TorrentItem[] = []
  for (const { id } of running) stopped.push(await world.client.act(id, 'pause', signal))
  const totals = stopped.map(({ id, name, downloaded, uploaded }) => ({ id, name, downloaded, uploaded }))
  const [first, ...others] = totals
  if (first === undefined) return sentence('Nothing runs, so there is nothing to stop.', totals)
  if (others.length === 0) return sentence(`Stopped ${quoted(first.name)}: ${totalsText(first)}. It goes on with: resume`, totals)
  const sum = {
    downloaded: totals.reduce((bytes, { downloaded }) => bytes + downloaded, 0),
    uploaded: totals.reduce((bytes, { uploaded }) => bytes + uploaded, 0),
  }
  return tableReply(
    { columns: [{ title: 'name', leastCells: 16 }, { title: 'moved' }], rows: totals.map((each) => [each.name, totalsText(each)]) },
    totals,
    '',
    `Stopped ${formatCounted(totals.length, 'torrent')}: ${totalsText(sum)} together. They go on with: resume --all`,
  )
}

async function pause(call: VerbCall<PeerWorld>): Promise<Reply> {
  needsOneOrAll(call, 'pause')
  return actOn(call, 'pause', ({ status }) => status !== 'paused', 'Paused')
}

async function resume(call: VerbCall<PeerWorld>): Promise<Reply> {
  needsOneOrAll(call, 'resume')
  return actOn(call, 'resume', ({ status }) => status === 'paused' || status === 'failed', 'Resumed')
}

async function announce(call: VerbCall<PeerWorld>): Promise<Reply> {
  return actOn(call, 'announce', (torrent) => isGoingOn(torrent) || torrent.status === 'seeding', 'Asked the trackers of')
}

async function recheck(call: VerbCall<PeerWorld>): Promise<Reply> {
  return actOn(call, 'recheck', () => false, 'Checking')
}

async function actOn(
  call: VerbCall<PeerWorld>,
  action: 'pause' | 'resume' | 'recheck' | 'announce',
  which: (torrent: TorrentItem) => boolean,
  done: string,
): Promise<Reply> {
  const changed: TorrentItem[] = []
  for (const { id } of await some(call, action, which)) changed.push(await call.world.client.act(id, action, call.signal))
  const [first, ...others] = changed
  if (first === undefined) return sentence('There is none to which that would do anything.', changed)
  return sentence(others.length === 0 ? `${done} ${quoted(first.name)}.` : `${done} ${formatCounted(changed.length, 'torrent')}.`, changed)
}

async function remove(call: VerbCall<PeerWorld>): Promise<Reply> {
  const torrent = await one(call)
  const takesData = call.options.has('data')
  const totals = await call.world.client.remove(torrent.id, { data: takesData ? 'recycle' : 'keep' }, call.signal)
  const data = takesData ? 'Its data is in the recycle folder.' : `Its data stays in ${clean(torrent.dir)}.`
  return sentence(`Removed ${quoted(totals.name)}: ${totalsText(totals)}. ${data}`, totals)
}

async function move(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { id } = await one(call)
  const moved = await call.world.client.move(id, { dir: pathOf(call.argument('folder'), call.world) }, call.signal)
  return sentence(`Moving ${quoted(moved.name)}; it goes on from there when every byte has arrived. See: show ${id.slice(0, 8)}`, moved)
}

async function change(call: VerbCall<PeerWorld>, id: string, what: TorrentChange): Promise<TorrentItem> {
  return call.world.client.change(id, what, call.signal)
}

async function rename(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { id, name } = await one(call)
  const renamed = await change(call, id, { name: (call.words.name ?? []).join(' ') })
  return sentence(`${quoted(name)} is ${quoted(renamed.name)} from now on.`, renamed)
}

async function label(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { id } = await one(call)
  const labelled = await change(call, id, { labels: [...(call.words.labels ?? [])] })
  const labels = labelled.labels.map(quoted).join(', ')
  return sentence(`${quoted(labelled.name)} ${labels === '' ? 'has no labels now' : `is labelled ${labels}`}.`, labelled)
}

async function limit(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, words, options, signal } = call
  const bounds = {
    ...(options.has('down') ? { downloadLimit: readLimit(options.get('down')!) } : {}),
    ...(options.has('up') ? { uploadLimit: readLimit(options.get('up')!) } : {}),
  }
  const asks = Object.keys(bounds).length === 0
  if ((words.torrent ?? []).length > 0) {
    const torrent = await one(call)
    return limitsReply(quoted(torrent.name), asks ? torrent : await change(call, torrent.id, bounds))
  }
  return limitsReply('everything', await (asks ? world.client.settings(signal) : world.client.changeSettings(bounds, signal)))
}

type Limits = Pick<TorrentItem, 'downloadLimit' | 'uploadLimit'>

function limitsReply(whose: string, { downloadLimit, uploadLimit }: Limits): Reply {
  const shown = (bound: number | null): string => (bound === null ? 'no limit' : formatRate(bound))
  const value = { downloadLimit, uploadLimit }
  return pairsReply(
    [
      ['limits of', whose],
      ['down', shown(downloadLimit)],
      ['up', shown(uploadLimit)],
    ],
    value,
  )
}

/** @throws {CliError} `USAGE` */
export function readLimit(text: string): number | null {
  if (/^(?:off|none|no|0)$/i.test(text)) return null
  const bytes = parseRate(text)
  if (bytes !== undefined && bytes >= 1) return bytes
  throw misused({ name: 'limit', usage: '[torrent] [--down <rate>] [--up <rate>]' }, `${quoted(text)} is no rate: 5MB, 500KB, off`)
}

const PRIORITIES: Readonly<Record<string, number>> = { skip: 0, low: 1, normal: 4, high: 6, first: 7 }

async function priority(call: VerbCall<PeerWorld>): Promise<Reply> {
  const word = call.argument('priority').toLowerCase()
  const level = Object.hasOwn(PRIORITIES, word) ? PRIORITIES[word]! : /^[0-7]$/.test(word) ? Number(word) : undefined
  if (level === undefined) throw priorityMisused(`${quoted(word)} is no priority`)
  const { id, name } = await one(call)
  const files = await call.world.client.torrentFiles(id, call.signal)
  const asked = call.argument('files')
  const numbers = asked === 'all' ? files.map(({ index }) => index) : readFileNumbers(asked)
  if (numbers === undefined) throw priorityMisused(`${quoted(asked)} are no numbers of files`)
  const beyond = numbers.find((index) => !files.some((file) => file.index === index))
  if (beyond !== undefined) {
    throw new ProblemError('NOT_FOUND', `${quoted(name)} has no file ${beyond + 1}. Their numbers: files ${id.slice(0, 8)}`)
  }
  const changed = await change(call, id, { priorities: numbers.map((index) => ({ index, priority: level })) })
  const what = level === 0 ? 'not wanted' : `wanted with priority ${level}`
  return sentence(`${formatCounted(numbers.length, 'file')} of ${quoted(name)} ${numbers.length === 1 ? 'is' : 'are'} ${what}.`, changed)
}

function priorityMisused(problem: string): Error {
  return misused({ name: 'priority', usage: '<torrent> <1,3-5 | all> <skip | low | normal | high | first>' }, problem)
}

async function sequential(call: VerbCall<PeerWorld>): Promise<Reply> {
  const word = (call.words.on?.[0] ?? 'on').toLowerCase()
  if (word !== 'on' && word !== 'off')
    throw misused({ name: 'sequential', usage: '<torrent> [on | off]' }, `${quoted(word)} is neither on nor off`)
  const { id } = await one(call)
  const changed = await change(call, id, { isSequential: word === 'on' })
  return sentence(`${quoted(changed.name)} comes ${word === 'on' ? 'from its first piece to its last' : 'rarest pieces first'}.`, changed)
}

async function queue(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { world, words, options, signal } = call
  if ((words.torrent ?? []).length > 0) return moveInQueue(call)
  if (options.size > 0) throw misused({ name: 'queue', usage: '[torrent] [position] [--force]' }, 'Name the torrent')
  const all = await world.client.torrents(signal)
  const waiting = all.filter(({ queuePosition }) => queuePosition !== null).sort((a, b) => a.queuePosition! - b.queuePosition!)
  return tableReply(
    {
      columns: [{ title: 'place', isNumber: true }, { title: 'name', leastCells: 16 }, { title: 'status' }, { title: '' }],
      rows: waiting.map((torrent) => [String(torrent.queuePosition), torrent.name, statusText(torrent), torrent.isForced ? 'forced' : '']),
    },
    waiting,
    'Nothing waits and nothing runs.',
  )
}

async function moveInQueue(call: VerbCall<PeerWorld>): Promise<Reply> {
  const { words, options } = call
  const word = words.position?.[0]
  if (word !== undefined && !/^[1-9]\d{0,5}$/.test(word)) {
    throw misused({ name: 'queue', usage: '[torrent] [position] [--force]' }, `${quoted(word)} is no place in a queue: 1 is the first`)
  }
  if (options.has('force') && options.has('unforce')) throw misused({ name: 'queue' }, 'Say --force or --unforce')
  const { id } = await one(call)
  const isForced = options.has('force') ? { isForced: true } : options.has('unforce') ? { isForced: false } : {}
  const changed = await change(call, id, { ...isForced, ...(word === undefined ? {} : { queuePosition: Number(word) }) })
  const place = changed.queuePosition === null ? 'is paused, and in no queue' : `has place ${changed.queuePosition}`
  return sentence(`${quoted(changed.name)} ${place}${changed.isForced ? ', and runs whatever the queue says' : ''}.`, changed)
}
