import { createHash } from 'node:crypto'
import { ProblemError } from '@shoal/api/problem'
import { RawReply } from '@shoal/door/route'
import type { Catalogue } from '../catalogue/catalogue.ts'

/** Which trackers a torrent is given out with. */
export interface AnnounceUrls {
  /** With a key of this account in them where the hub wants one; without an account, as anybody may use them. */
  announceUrls(accountId: string | undefined, origin: string): Promise<readonly string[]> | readonly string[]
}

/**
 * A .torrent file as an answer: to be saved and never shown, and for nobody else to keep, since a key may be in it.
 *
 * @throws {ProblemError} `NOT_FOUND`, `STORAGE`; `CONFLICT` for whoever has taken all his announce keys back
 */
export async function torrentReply(catalogue: Catalogue, infoHash: string, announceUrls: readonly string[]): Promise<RawReply> {
  if (announceUrls.length === 0) {
    throw new ProblemError('CONFLICT', 'This account has no announce key left, and the torrent would have no tracker. Make a key first')
  }
  const { bytes, fileName, sha256 } = await catalogue.shelf.download(infoHash, announceUrls)
  const tag = createHash('sha256')
    .update(JSON.stringify([sha256, announceUrls]))
    .digest('base64url')
    .slice(0, 22)
  return new RawReply(TYPE, bytes, {
    etag: `"${tag}"`,
    'cache-control': 'private, no-cache',
    'content-disposition': attachment(fileName),
    'x-content-type-options': 'nosniff',
  })
}

const TYPE = 'application/x-bittorrent'

/** RFC 6266: what old programs understand, and the name itself. */
function attachment(fileName: string): string {
  const plain = fileName.replace(/[^\w .()+-]/g, '_')
  const whole = encodeURIComponent(fileName.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}
