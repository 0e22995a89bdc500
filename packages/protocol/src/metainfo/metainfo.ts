/**
 * A `.torrent` file: the info dictionary, and around it where to find peers and who made it (BEP 3, 12, 19, 52).
 *
 * The outside is nobody's identity, so its optional fields are read with patience: what is not what it should be is left
 * out, with a warning. The info dictionary is not (`info.ts`).
 */

import {
  BencodeDictionary,
  Bencoded,
  BencodeList,
  type BencodeValue,
  decodeBencode,
  type EncodableValue,
  encodeBencode,
} from '../bencode.ts'
import { decodeUtf8, fromHex } from '../bytes.ts'
import { cleanText } from '../clean-text.ts'
import { ProtocolError } from '../errors.ts'
import { dictionaryOf } from './field.ts'
import { paddingPath, withPadding } from './file-list.ts'
import { type HashFunctions, type Info, readInfo } from './info.ts'
import { type PieceLayers, readPieceLayers } from './piece-layers.ts'
import { cleanTiers, cleanWebSeeds } from './tracker-list.ts'

export interface Metainfo {
  readonly info: Info
  /** Tiers, each in the order of the file: to be tried tier by tier, shuffled within one (BEP 12). */
  readonly trackers: readonly (readonly string[])[]
  readonly webSeeds: readonly string[]
  readonly comment?: string
  readonly createdBy?: string
  /** Seconds since 1970. */
  readonly creationDate?: number
  /** Only of v2 and hybrid torrents; checked against the roots. */
  readonly pieceLayers?: PieceLayers
  /** What was left out around the info dictionary; what is odd inside is in `info.warnings`. */
  readonly warnings: readonly string[]
}

export const MAX_METAINFO_BYTES: number = 10 * 1024 * 1024
const MAX_COMMENT_CHARACTERS = 4096
const MAX_CREATED_BY_CHARACTERS = 128
/** The year 9999: later dates are milliseconds, or nonsense. */
const MAX_DATE_SECONDS = 253_402_300_799

/**
 * Reads a whole `.torrent` file. The outcome has views into `bytes`, so they must not change any more.
 * @throws {ProtocolError} `BENCODE_…`, `METAINFO_…`
 */
export function parseMetainfo(bytes: Uint8Array, hashes: HashFunctions): Metainfo {
  if (bytes.length > MAX_METAINFO_BYTES) {
    throw new ProtocolError('METAINFO_TOO_LARGE', `Cannot read a torrent file of ${bytes.length} bytes: the limit is ${MAX_METAINFO_BYTES}`)
  }
  const outer = decodeBencode(bytes)
  if (!(outer instanceof BencodeDictionary)) {
    throw new ProtocolError('METAINFO_NOT_A_DICTIONARY', 'Cannot read the torrent file: it is not a dictionary')
  }
  const layersField = outer.get('piece layers')
  const layers = layersField === undefined ? new Map<string, Uint8Array>() : readPieceLayers(layersField)
  const info = readInfo(dictionaryOf(outer, 'info'), hashes, layers)
  const warnings: string[] = []
  const field = new OptionalFields(outer, warnings)
  const comment = field.text('comment', MAX_COMMENT_CHARACTERS)
  const createdBy = field.text('created by', MAX_CREATED_BY_CHARACTERS)
  const creationDate = field.date('creation date')
  return {
    info,
    trackers: field.trackers(),
    webSeeds: cleanWebSeeds(field.urls('url-list'), warnings),
    ...(comment !== undefined && { comment }),
    ...(createdBy !== undefined && { createdBy }),
    ...(creationDate !== undefined && { creationDate }),
    ...(info.version !== 'v1' && { pieceLayers: layers }),
    warnings,
  }
}

/** What may be there, or be nonsense: nonsense is a warning and counts as not there. */
class OptionalFields {
  readonly #outer: BencodeDictionary
  readonly #warnings: string[]

  constructor(outer: BencodeDictionary, warnings: string[]) {
    this.#outer = outer
    this.#warnings = warnings
  }

  text(key: string, maxCharacters: number): string | undefined {
    const value = this.#outer.get(`${key}.utf-8`) ?? this.#outer.get(key)
    if (value === undefined) return undefined
    if (value instanceof Uint8Array) return cleanText(value, maxCharacters) || undefined
    return this.#odd(key)
  }

  date(key: string): number | undefined {
    const value = this.#outer.get(key)
    if (value === undefined) return undefined
    return typeof value === 'number' && value >= 0 && value <= MAX_DATE_SECONDS ? value : this.#odd(key)
  }

  /** BEP 12: `announce-list` counts, and `announce` only where that has nothing. */
  trackers(): string[][] {
    const list = this.#outer.get('announce-list')
    if (list !== undefined && !(list instanceof BencodeList)) this.#odd('announce-list')
    const tiers = list instanceof BencodeList ? [...list].map((tier) => this.#urlsIn(tier, 'announce-list')) : []
    const clean = cleanTiers(tiers, this.#warnings)
    return clean.length > 0 ? clean : cleanTiers([this.urls('announce')], this.#warnings)
  }

  urls(key: string): string[] {
    const value = this.#outer.get(key)
    return value === undefined ? [] : this.#urlsIn(value, key)
  }

  /** One address, or a list of them. */
  #urlsIn(value: BencodeValue, key: string): string[] {
    const items = value instanceof BencodeList ? [...value] : [value]
    const urls = items.filter((item) => item instanceof Uint8Array)
    if (urls.length < items.length) this.#odd(key)
    return urls.map((url) => decodeUtf8(url).trim())
  }

  #odd(key: string): undefined {
    this.#warnings.push(`"${key}" is not what it should be: left out`)
  }
}

export interface MetainfoContent {
  /** The exact bytes of the info dictionary. */
  readonly infoRaw: Uint8Array
  readonly trackers?: readonly (readonly string[])[]
  readonly webSeeds?: readonly string[]
  readonly comment?: string
  readonly createdBy?: string
  /** Seconds since 1970. */
  readonly creationDate?: number
  readonly pieceLayers?: PieceLayers
}

/** The bytes of a `.torrent` file. One tracker alone goes to `announce` only; more get an `announce-list`, too. */
export function encodeMetainfo(content: MetainfoContent): Uint8Array {
  const { infoRaw, trackers = [], webSeeds = [], comment, createdBy, creationDate, pieceLayers } = content
  const first = trackers[0]?.[0]
  const isOneTracker = trackers.length === 1 && trackers[0]?.length === 1
  return encodeBencode(
    new Map<string, EncodableValue | undefined>([
      ['announce', first],
      ['announce-list', first === undefined || isOneTracker ? undefined : trackers],
      ['url-list', webSeeds.length > 0 ? webSeeds : undefined],
      ['comment', comment],
      ['created by', createdBy],
      ['creation date', creationDate],
      ['info', new Bencoded(infoRaw)],
      ['piece layers', pieceLayers && new Map([...pieceLayers].map(([root, layer]) => [fromHex(root)!, layer]))],
    ]),
  )
}

export interface InfoContent {
  /** The file, or the folder all files are in. */
  readonly name: string
  readonly pieceLength: number
  /** 20 bytes a piece, one after another. */
  readonly pieceHashes: Uint8Array
  /** In the order of the pieces; paths as in `FileEntry`: `[name]` for a torrent that is one file, else `[name, …]`. */
  readonly files: readonly NewFile[]
  /** Of a hybrid: the root of each file's hash tree (BEP 52); undefined for padding and for empty files. */
  readonly piecesRoots?: readonly (Uint8Array | undefined)[]
  readonly isPrivate?: boolean
  readonly source?: string
}

export interface NewFile {
  readonly path: readonly string[]
  readonly length: number
  readonly isPadding?: boolean
  readonly isExecutable?: boolean
}

/** The bytes of a v1 or hybrid info dictionary. The names go in as they are given. */
export function encodeInfo(content: InfoContent): Uint8Array {
  const { name, pieceLength, pieceHashes, files, piecesRoots, isPrivate = false, source } = content
  const only = files.length === 1 && files[0]?.path.length === 1 ? files[0] : undefined
  if (files.some((file) => file.path[0] !== name)) throw new Error(`Cannot happen: a file of the torrent ${name} lies outside its folder`)
  return encodeBencode(
    new Map<string, EncodableValue | undefined>([
      ['name', name],
      ['piece length', pieceLength],
      ['pieces', pieceHashes],
      ['private', isPrivate ? 1 : undefined],
      ['source', source],
      ['files', only === undefined ? files.map(encodeFile) : undefined],
      ['length', only?.length],
      ['attr', only && attributesOf(only)],
      ['meta version', piecesRoots && 2],
      ['file tree', piecesRoots && fileTreeOf(files, piecesRoots)],
    ]),
  )
}

function encodeFile(file: NewFile): EncodableValue {
  return new Map<string, EncodableValue | undefined>([
    ['attr', attributesOf(file)],
    ['length', file.length],
    ['path', file.path.slice(1)],
  ])
}

/** Folders are dictionaries, and what an empty key describes is a file (BEP 52). Padding has no place in a tree. */
function fileTreeOf(files: readonly NewFile[], piecesRoots: readonly (Uint8Array | undefined)[]): EncodableValue {
  const tree: TreeFolder = new Map()
  for (const [fileIndex, file] of files.entries()) {
    if (file.isPadding === true) continue
    const path = file.path.length === 1 ? file.path : file.path.slice(1)
    let folder = tree
    for (const part of path) {
      let inside = folder.get(part)
      if (inside === undefined) {
        inside = new Map()
        folder.set(part, inside)
      }
      folder = inside as TreeFolder
    }
    const description = new Map<string, EncodableValue | undefined>([
      ['attr', attributesOf(file)],
      ['length', file.length],
      ['pieces root', piecesRoots[fileIndex]],
    ])
    folder.set('', description)
  }
  return tree
}

type TreeFolder = Map<string, EncodableValue | undefined>

function attributesOf({ isPadding = false, isExecutable = false }: NewFile): string | undefined {
  return `${isPadding ? 'p' : ''}${isExecutable ? 'x' : ''}` || undefined
}

const MIN_CHOSEN_PIECE_LENGTH = 16 * 1024
const MAX_CHOSEN_PIECE_LENGTH = 16 * 1024 * 1024
const AIMED_PIECE_COUNT = 1024

/**
 * A piece length for content of this size: the power of two from 16 KiB to 16 MiB that makes about 1,000 to 2,000
 * pieces. Fewer spread badly among many peers; more only make the torrent file larger.
 */
export function choosePieceLength(totalSize: number): number {
  let pieceLength = MIN_CHOSEN_PIECE_LENGTH
  while (pieceLength < MAX_CHOSEN_PIECE_LENGTH && pieceLength * 2 * AIMED_PIECE_COUNT <= totalSize) pieceLength *= 2
  return pieceLength
}

/** The files with padding files between them, so that each file with bytes starts with a piece (BEP 47). */
export function layoutWithPadding(files: readonly NewFile[], pieceLength: number): NewFile[] {
  const root = files[0]?.path[0] ?? ''
  return withPadding(files, pieceLength, (length): NewFile => ({ path: paddingPath(root, length), length, isPadding: true }))
}
