import { hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { ProtocolError } from '@shoal/protocol/errors'
import type { HashFunctions } from '@shoal/protocol/metainfo/info'
import { type Magnet, parseMagnet } from '@shoal/protocol/metainfo/magnet'
import { MAX_METAINFO_BYTES, type Metainfo, parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { CliError } from '../render/failure.ts'
import { quoted } from '../render/text.ts'

/** What `<file.torrent|magnet>` was. */
export type TorrentSource =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly metainfo: Metainfo }
  | { readonly kind: 'magnet'; readonly text: string; readonly magnet: Magnet }

/**
 * @throws {ProtocolError} what is wrong with the bytes or the link
 * @throws {CliError} `FILE_MISSING`, `NOT_A_FILE`, `NOT_READABLE`
 */
export async function readTorrentSource(argument: string): Promise<TorrentSource> {
  if (/^\s*magnet:/i.test(argument)) return { kind: 'magnet', text: argument, magnet: parseMagnet(argument.trim()) }
  return { kind: 'file', ...(await readTorrentFile(argument)) }
}

/** The same where only a file will do. */
export async function readTorrentFile(path: string): Promise<{ bytes: Uint8Array; metainfo: Metainfo }> {
  const bytes = await readBounded(path)
  try {
    return { bytes, metainfo: parseMetainfo(bytes, HASHES) }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new ProtocolError(error.code, `${quoted(path)} is not a torrent that can be used. ${error.message}`, { cause: error })
  }
}

const HASHES: HashFunctions = {
  sha1: (bytes) => new Uint8Array(hash('sha1', bytes, 'buffer')),
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
}

/** Reads a file, or whatever a shell puts in its place (`<(curl ...)`), but never more than a torrent can be. */
async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const parts: Uint8Array[] = []
      let length = 0
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(256 * 1024), 0, 256 * 1024, null)
        if (bytesRead === 0) break
        parts.push(buffer.subarray(0, bytesRead))
        length += bytesRead
        if (length > MAX_METAINFO_BYTES) {
          throw new ProtocolError(
            'METAINFO_TOO_LARGE',
            `Cannot read ${quoted(path)}: no .torrent file is that big. Is it the content itself? To share it: shoal create`,
          )
        }
      }
      return new Uint8Array(Buffer.concat(parts))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw refusalOf(path, error)
  }
}

function refusalOf(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof CliError || error instanceof ProtocolError) return error
  const cause = { cause: error }
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR': {
      const hint = /^https?:/i.test(path) ? 'Download it first' : 'Check the name, or give a magnet link in quotes'
      return new CliError('FILE_MISSING', `Cannot read ${quoted(path)}: there is no such file. ${hint}`, cause)
    }
    case 'EISDIR':
      return new CliError(
        'NOT_A_FILE',
        `Cannot read ${quoted(path)}: it is a folder, not a .torrent file. To share a folder: shoal create`,
        cause,
      )
    case 'EACCES':
    case 'EPERM':
      return new CliError('NOT_READABLE', `Cannot read ${quoted(path)}: no permission. Ask its owner, or copy it`, cause)
    default:
      return new CliError('NOT_READABLE', `Cannot read ${quoted(path)}: ${error.message}`, cause)
  }
}
