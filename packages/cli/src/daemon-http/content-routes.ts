import { InfoHashHex } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { RawReply, type TakenCall } from '@shoal/door/route'
import Type from 'typebox'
import type { FileContent, TorrentDesk } from '../daemon/peer-desk.ts'
import { type ByteSpan, byteRange } from './byte-range.ts'
import { contentHeaders } from './content-type.ts'
import type { DaemonCall } from './daemon-route.ts'
import { type DaemonRoute, route } from './daemon-route.ts'
import type { PlayerKeys } from './player-keys.ts'

/** Files that are read at once; each holds pieces in memory. */
export const MAX_READERS = 64

/** Whatever it is, it runs nothing and loads nothing, even if a browser opens it as a page. */
const CONTENT_POLICY = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"

/**
 * The bytes of files, also of those that are not here yet: a reader waits for its pieces, and they come first. A span that nobody
 * reads any more is not fetched first any longer.
 */
export class ContentRoutes {
  readonly #desk: Pick<TorrentDesk, 'openContent'>
  readonly #keys: PlayerKeys
  readonly #onBug: (error: unknown) => void
  readonly #readers = new Set<AbortController>()

  constructor(desk: Pick<TorrentDesk, 'openContent'>, keys: PlayerKeys, onBug: (error: unknown) => void) {
    this.#desk = desk
    this.#keys = keys
    this.#onBug = onBug
  }

  /** Ends all reading. */
  close(): void {
    for (const reader of this.#readers) reader.abort()
  }

  readonly route: DaemonRoute = route({
    method: 'GET',
    url: '/v1/torrents/:id/files/:index/content',
    summary: 'The bytes of a file, with ranges, also while it is not complete; with the token, or a key for players',
    needs: 'public',
    params: Type.Object({ id: InfoHashHex, index: Type.String({ pattern: '^\\d{1,7}$' }) }),
    query: Type.Object({ key: Type.Optional(Type.String({ maxLength: 100 })) }, { additionalProperties: false }),
    handle: async (call) => {
      const { id, index } = call.params
      if (!call.caller.may('peer:use') && !(call.query.key !== undefined && this.#keys.opens(id, call.query.key))) {
        throw new ProblemError('NOT_SIGNED_IN', 'The content needs the token of the daemon, or a key for players that has not ended')
      }
      const content = await this.#desk.openContent(id, Number(index))
      if (this.#readers.size >= MAX_READERS) {
        throw new ProblemError('BUSY', `${MAX_READERS} files are being read at this moment. Close one`, { retryAfterSeconds: 5 })
      }
      return this.#answer(call, content)
    },
  })

  #answer(call: DaemonCall, content: FileContent): RawReply | undefined {
    const etag = `"${content.version}"`
    const headers = {
      ...contentHeaders(content.name),
      'content-security-policy': CONTENT_POLICY,
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      etag,
    }
    if (call.header('if-none-match')?.includes(etag) === true) return new RawReply(headers['content-type'], '', headers, 304)
    const ifRange = call.header('if-range')
    const range = byteRange(ifRange === undefined || ifRange.trim() === etag ? call.header('range') : undefined, content.size)
    if (range === undefined) {
      const text = `Cannot read there: the file has ${content.size} bytes\n`
      return new RawReply('text/plain; charset=utf-8', text, { 'content-range': `bytes */${content.size}`, 'accept-ranges': 'bytes' }, 416)
    }
    const { span, isPart } = range
    const taken = call.takeOver()
    taken.response.writeHead(isPart ? 206 : 200, {
      ...headers,
      'content-length': span.end - span.begin,
      ...(isPart ? { 'content-range': `bytes ${span.begin}-${span.end - 1}/${content.size}` } : {}),
    })
    if (taken.request.method === 'HEAD' || span.begin === span.end) taken.response.end()
    else void this.#send(taken, content, span)
    return undefined
  }

  /** One chunk after the other: what is read ahead is read for nothing when somebody seeks. */
  async #send({ response }: TakenCall, content: FileContent, span: ByteSpan): Promise<void> {
    const reader = new AbortController()
    this.#readers.add(reader)
    response.on('error', () => undefined) // it is closed as well
    response.on('close', () => reader.abort())
    try {
      for await (const chunk of content.read(span, reader.signal)) {
        if (reader.signal.aborted) break
        // until then the bytes are not ours to overwrite
        await new Promise<void>((resolve) => {
          response.write(chunk, () => resolve())
        })
      }
      if (reader.signal.aborted) response.destroy()
      else response.end()
    } catch (error) {
      // The status is out: a connection that breaks is all that can still be said.
      response.destroy()
      const isExpected = reader.signal.aborted || error instanceof ProblemError
      if (!isExpected) this.#onBug(error)
    } finally {
      this.#readers.delete(reader)
    }
  }
}
