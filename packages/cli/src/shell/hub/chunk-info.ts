import type { FileEntry, PieceHolders } from '@shoal/api/hub-api'
import { formatCounted, formatPercent } from '@shoal/api/human'
import { decodePieceMap, describePieces } from '@shoal/api/piece-map'
import { tableLines } from '../../render/table.ts'
import { clean, fitted, padded, widthOf } from '../../render/text.ts'
import { spoken } from '../reply.ts'
import type { Reply, VerbCall, View } from '../verb.ts'
import { addressOf, filesNamed, type HubView, listedFiles, MAX_LISTED_FILES } from './hub-world.ts'

/** Torrents that are asked about at once. */
const AT_ONCE = 8
/** Spans of one peer that are shown to a person; a pipe gets all. */
const SHOWN_SPANS = 6

interface ChunkInfo {
  /** Of the entries that have this content. */
  readonly names: readonly string[]
  readonly pieces: PieceHolders
}

/** Who has which pieces: of the contents of one name, or of everything. */
export async function listChunkInfo({ world, words, signal }: VerbCall<HubView>): Promise<Reply> {
  const name = (words.name ?? []).join(' ')
  const { files, isAll } =
    name === '' ? await listedFiles(world.client, {}, signal) : { files: await filesNamed(world.client, name, signal), isAll: true }
  const infos = await infosOf(files, world, signal)
  return {
    value: infos.map(({ names, pieces }) => ({ names, ...pieces })),
    lines: (view) => {
      if (!view.isTerminal) return pipeLines(infos)
      if (infos.length === 0) return spoken('Nothing is shared here yet, so there are no pieces.', view)
      const blocks = infos.map((info) => blockLines(info, view))
      const lines = blocks.flatMap((block, index) => (index === 0 ? block : ['', ...block]))
      return isAll ? lines : [...lines, '', ...spoken(`The newest ${MAX_LISTED_FILES} entries; name a file to see its pieces.`, view)]
    },
  }
}

/** Equal content is one, whatever its names. */
async function infosOf(files: readonly FileEntry[], { client }: HubView, signal: AbortSignal): Promise<ChunkInfo[]> {
  const names = new Map<string, string[]>()
  for (const { infoHash, name } of files) {
    const known = names.get(infoHash) ?? []
    if (!known.includes(name)) known.push(name)
    names.set(infoHash, known)
  }
  const hashes = [...names.keys()]
  const infos: ChunkInfo[] = []
  for (let at = 0; at < hashes.length; at += AT_ONCE) {
    const some = hashes.slice(at, at + AT_ONCE)
    const pieces = await Promise.all(some.map((infoHash) => client.pieces(infoHash, signal)))
    for (const each of pieces) infos.push({ names: names.get(each.infoHash) ?? [each.name], pieces: each })
  }
  return infos
}

function blockLines({ names, pieces }: ChunkInfo, view: View): string[] {
  const { palette } = view
  const cells = view.columns() - 3
  const facts = [formatCounted(pieces.pieceCount, 'piece'), formatCounted(pieces.holders.length, 'holder'), seedsOf(pieces), rarest(pieces)]
  const shownFacts = facts.filter((fact) => fact !== '').join(' · ')
  const name = names.map(clean).join(', ')
  const head =
    widthOf(name) + 3 + widthOf(shownFacts) <= cells
      ? [`  ${palette.strong(name)}   ${shownFacts}`]
      : [`  ${palette.strong(fitted(name, cells))}`, `  ${fitted(shownFacts, cells)}`]
  if (pieces.holders.length === 0) return [...head, ...spoken('No connected peer has said which pieces it has.', view)]
  const [, ...rows] = tableLines(
    {
      columns: [{ title: '', leastCells: 8 }, { title: '' }, { title: '', isNumber: true }, { title: '', leastCells: 12 }],
      rows: pieces.holders.map((holder) => [
        holder.peer.name,
        addressOf(holder.peer),
        formatPercent(holder.have, pieces.pieceCount),
        spansOf(holder, pieces.pieceCount, SHOWN_SPANS),
      ]),
    },
    view,
  )
  return [...head, ...rows, `  ${padded('copies', 8)}${copiesBar(pieces.copies, Math.min(64, cells - 8))}`]
}

/** As the tracker counts them: other programs tell nothing else. */
function seedsOf({ availability: { seeds, leechers } }: PieceHolders): string {
  return seeds + leechers === 0 ? '' : `${formatCounted(seeds, 'seed')}, ${formatCounted(leechers, 'leecher')}`
}

function rarest({ availability: { rarestCopies } }: PieceHolders): string {
  return rarestCopies === 0 ? 'rarest piece has no copy' : `rarest piece has ${formatCounted(rarestCopies, 'copy', 'copies')}`
}

function spansOf({ map, isExact }: PieceHolders['holders'][number], pieceCount: number, most: number): string {
  const have = decodePieceMap(map, pieceCount)
  if (have === undefined) return 'unknown'
  return describePieces(have, most) + (isExact ? '' : ' at least')
}

const HEIGHTS = '▁▂▃▄▅▆▇█'

/** The whole file from left to right; as high as its copies, and a dot where there is none. */
function copiesBar(copies: readonly number[], cells: number): string {
  const width = Math.max(1, Math.min(cells, copies.length))
  let bar = ''
  for (let cell = 0; cell < width; cell++) {
    const span = copies.slice(Math.floor((cell * copies.length) / width), Math.max(1, Math.floor(((cell + 1) * copies.length) / width)))
    const least = Math.min(...span)
    bar += least <= 0 ? '·' : HEIGHTS[Math.min(least, HEIGHTS.length) - 1]
  }
  return bar
}

/** One line for each holder of each file. */
function pipeLines(infos: readonly ChunkInfo[]): string[] {
  const rows = infos.flatMap(({ names, pieces }) =>
    pieces.holders.map((holder) =>
      [
        names.map(clean).join(', '),
        clean(holder.peer.name),
        addressOf(holder.peer),
        `${holder.have}/${pieces.pieceCount}`,
        spansOf(holder, pieces.pieceCount, Number.POSITIVE_INFINITY),
      ].join('\t'),
    ),
  )
  return [['file', 'peer', 'address', 'have', 'pieces'].join('\t'), ...rows]
}
