import { open } from 'node:fs/promises'
import { ProtocolError } from '@shoal/protocol/errors'
import { MAX_METAINFO_BYTES } from '@shoal/protocol/metainfo/metainfo'
import { CliError } from '../../render/failure.ts'
import { quoted } from '../../render/text.ts'

/**
 * The bytes of a .torrent file, or of whatever a shell puts in its place (`<(curl ...)`), but never more than a torrent can be.
 *
 * @throws {ProtocolError} `METAINFO_TOO_LARGE`
 * @throws {CliError} `FILE_MISSING`, `NOT_A_FILE`, `NOT_READABLE`
 */
export async function readTorrentBytes(path: string): Promise<Uint8Array> {
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
