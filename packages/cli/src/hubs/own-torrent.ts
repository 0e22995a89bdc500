import type { Creation } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import { EngineError } from '@shoal/engine'
import { type CreatedTorrent, createTorrent } from '@shoal/engine/create-torrent'
import {
  BencodeDictionary,
  Bencoded,
  BencodeList,
  type BencodeValue,
  decodeBencode,
  type EncodableValue,
  encodeBencode,
} from '@shoal/protocol/bencode'
import { latin1 } from '@shoal/protocol/bytes'

export interface OwnTorrentWish {
  readonly path: string
  readonly isPrivate: boolean
  readonly announceUrls: readonly string[]
  readonly createdBy: string
  readonly signal?: AbortSignal
  readonly onProgress: (creation: Creation) => void
}

/** Four a second are as many as an eye sees. */
const PROGRESS_STEPS = 200

/**
 * Makes the torrent of a file or folder, on all cores, and tells how far it is.
 *
 * @throws {ProblemError} `PATH_MISSING`, `CONFLICT` (it changed meanwhile), `VALIDATION` @throws the reason of `signal`
 */
export async function makeOwnTorrent(id: string, wish: OwnTorrentWish): Promise<CreatedTorrent> {
  const { path, isPrivate, announceUrls, createdBy, signal, onProgress } = wish
  let creation: Creation = { id, path, status: 'hashing', hashedBytes: 0, totalBytes: 0, warnings: [] }
  const tell = (change: Partial<Creation>): void => {
    creation = { ...creation, ...change }
    onProgress(creation)
  }
  tell({})
  try {
    const made = await createTorrent(path, {
      isPrivate,
      createdBy,
      // A tier for each: a client tries the second door only when the first does not answer.
      ...(announceUrls.length > 0 && { trackers: announceUrls.map((url) => [url]) }),
      ...(signal !== undefined && { signal }),
      onProgress: ({ hashedBytes, totalBytes }) => {
        const isStep = hashedBytes - creation.hashedBytes >= totalBytes / PROGRESS_STEPS
        if (isStep || hashedBytes === totalBytes) tell({ hashedBytes, totalBytes })
      },
    })
    tell({ status: 'done', torrentId: made.infoHashV1, warnings: [...made.warnings] })
    return made
  } catch (error) {
    const problem = signal?.aborted === true ? undefined : problemOfCreation(error)
    if (problem === undefined) tell({ status: 'cancelled' })
    else tell({ status: 'failed', error: { code: problem.code, detail: problem.message } })
    throw problem ?? error
  }
}

/** The same torrent without its trackers, which may have a key in them: a hub puts in its own for whoever asks. */
export function withoutTrackers(metainfo: Uint8Array): Uint8Array {
  const outer = decodeBencode(metainfo)
  if (!(outer instanceof BencodeDictionary)) throw new Error('Cannot happen: a torrent of ours is no dictionary')
  const fields = new Map<string | Uint8Array, EncodableValue | undefined>()
  for (const [key, value] of outer.entries()) {
    if (!TRACKER_FIELDS.has(latin1(key))) fields.set(key, asItIs(value))
  }
  return encodeBencode(fields)
}

const TRACKER_FIELDS: ReadonlySet<string> = new Set(['announce', 'announce-list', 'nodes'])

function asItIs(value: BencodeValue): EncodableValue {
  return value instanceof BencodeDictionary || value instanceof BencodeList ? new Bencoded(value.raw) : value
}

function problemOfCreation(error: unknown): ProblemError {
  if (!(error instanceof EngineError)) throw error
  switch (error.code) {
    case 'FILE_MISSING':
    case 'NOT_READABLE':
      return new ProblemError('PATH_MISSING', error.message, {}, { cause: error })
    case 'FILE_CHANGED':
      return new ProblemError('CONFLICT', error.message, {}, { cause: error })
    default:
      return new ProblemError('VALIDATION', error.message, {}, { cause: error })
  }
}
