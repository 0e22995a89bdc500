import type { FileEntry } from '@shoal/api/hub-api'
import { formatBytes, formatCount } from '@shoal/api/human'
import { ProblemError } from '@shoal/api/problem'
import { quoted } from '../../render/text.ts'
import { sentence, tableReply } from '../reply.ts'
import type { Reply, Verb, VerbCall } from '../verb.ts'
import { listChunkInfo } from './chunk-info.ts'
import { addressOf, closeNames, filesNamed, type HubView, type HubWorld, listedFiles, MAX_LISTED_FILES } from './hub-world.ts'

/** What is shared, and who has which pieces of it. */
export const LISTING_VERBS: readonly Verb<HubView>[] = [
  {
    name: 'list_files',
    aliases: ['files', 'ls'],
    summary: 'shows what is shared, or what matches words',
    arguments: [{ name: 'words', isOptional: true, isRest: true, complete: fileNames }],
    example: 'list_files lecture',
    run: listFiles,
  },
  {
    name: 'list_chunkinfo',
    aliases: ['chunks', 'pieces'],
    summary: 'shows who has which pieces, of one or of all',
    arguments: [{ name: 'name', isOptional: true, isRest: true, complete: fileNames }],
    example: 'list_chunkinfo lecture-04',
    run: listChunkInfo,
  },
]

/** What the catalogue holds, for whoever runs the hub. */
export const FILE_VERBS: readonly Verb<HubWorld>[] = [
  ...LISTING_VERBS,
  {
    name: 'withdraw',
    summary: 'takes an entry out of the list',
    arguments: [{ name: 'name', isRest: true, complete: fileNames }],
    options: [{ name: 'from', value: 'peer', summary: 'when several peers share something under this name' }],
    example: 'withdraw lecture-04 --from binh',
    run: withdraw,
  },
]

async function fileNames({ client }: HubView, _before: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  return (await listedFiles(client, {}, signal)).files.map((file) => file.name)
}

async function listFiles({ world, words, signal }: VerbCall<HubView>): Promise<Reply> {
  const asked = (words.words ?? []).join(' ')
  const { files, isAll } = await listedFiles(world.client, asked === '' ? {} : { q: asked }, signal)
  if (files.length === 0 && asked !== '') {
    const { files: all } = await listedFiles(world.client, {}, signal)
    const names = all.map((file) => file.name)
    return sentence(`Nothing here matches ${quoted(asked)}. ${closeNames(asked, names)}(list_files shows all)`, [])
  }
  return tableReply(
    {
      columns: [
        { title: 'name', leastCells: 16 },
        { title: 'size', isNumber: true },
        { title: 'pieces', isNumber: true },
        { title: 'from', leastCells: 6 },
        { title: 'address' },
        { title: 'copies', isNumber: true },
      ],
      rows: files.map((file) => [
        file.name,
        formatBytes(file.size),
        formatCount(file.pieceCount),
        file.host?.name ?? file.owner?.name ?? '',
        whereabouts(file),
        copiesOf(file),
      ]),
    },
    files,
    'Nothing is shared here yet.',
    isAll ? undefined : `The newest ${formatCount(MAX_LISTED_FILES)}; words behind list_files find the others.`,
  )
}

function whereabouts({ host }: FileEntry): string {
  if (host === undefined) return ''
  return host.isOnline ? addressOf(host) : 'gone'
}

/** `2.37`: complete copies, and the share of pieces that have one more. */
function copiesOf({ availability }: FileEntry): string {
  const copies = availability.distributedCopies
  return Number.isInteger(copies) ? String(copies) : copies.toFixed(2)
}

async function withdraw({ world, words, options, signal }: VerbCall<HubWorld>): Promise<Reply> {
  const name = (words.name ?? []).join(' ')
  const from = options.get('from')
  const named = await filesNamed(world.client, name, signal)
  const meant =
    from === undefined ? named : named.filter(({ host }) => host?.name === from || (host !== undefined && addressOf(host) === from))
  const [file, another] = meant
  if (file === undefined)
    throw new ProblemError('NOT_FOUND', `${quoted(from ?? '')} shares nothing named ${quoted(name)}. (list_files shows all)`)
  if (another !== undefined) {
    const holders = named.map(({ host }) => quoted(host?.name ?? 'the hub')).join(', ')
    throw new ProblemError('AMBIGUOUS', `Several share something named ${quoted(name)}: ${holders}. Say whose with --from`)
  }
  await world.client.withdrawFile(file.id, signal)
  return sentence(`${quoted(file.name)} is out of the list.`, { withdrawn: file.id })
}
