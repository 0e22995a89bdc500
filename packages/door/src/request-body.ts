import type { IncomingMessage } from 'node:http'
import { ProblemError } from '@shoal/api/problem'
import type { FastifyRequest } from 'fastify'
import { headerOf } from './reach.ts'
import type { Route } from './route.ts'
import type { SchemaCheck } from './schema-check.ts'

/** A .torrent file as the whole body, as `curl --data-binary` sends it. */
export const TORRENT_TYPE = 'application/x-bittorrent'

/** Of a form; the size of its one file is the route's `bodyLimit`. */
export const MULTIPART_LIMITS = { fields: 50, files: 1, parts: 51, fieldSize: 65_536, fieldNameSize: 100, headerPairs: 20 } as const

/** The body of a call as its schema names it, however it came: the file `torrent` of a form becomes base64 text. */
export async function bodyOf(route: Route, check: SchemaCheck | undefined, request: FastifyRequest): Promise<unknown> {
  if (route.takesForms !== true || check === undefined || !request.isMultipart()) return request.body
  const pairs: [string, string][] = []
  try {
    for await (const part of request.parts({ limits: { ...MULTIPART_LIMITS, fileSize: route.bodyLimit ?? 64 << 10 } })) {
      if (part.type === 'file') {
        if (part.fieldname !== 'torrent') {
          part.file.resume()
          throw new ProblemError('VALIDATION', 'Cannot take this form: its file is to be named torrent', {
            errors: [{ field: part.fieldname.slice(0, 100), detail: 'is not known here' }],
          })
        }
        pairs.push([part.fieldname, (await part.toBuffer()).toString('base64')])
      } else if (part.fieldnameTruncated || part.valueTruncated) {
        throw new ProblemError('TOO_LARGE', 'Cannot take this form: a field of it is too long')
      } else pairs.push([part.fieldname, String(part.value)])
    }
  } catch (error) {
    if (error instanceof ProblemError || (error instanceof Error && 'code' in error && /LIMIT|TOO_LARGE/.test(String(error.code))))
      throw error
    throw new ProblemError('MALFORMED', 'Cannot read this form: it is not multipart/form-data, or it ended early', {}, { cause: error })
  }
  return check.fromText(pairs, 'form')
}

export function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

/** @throws {ProblemError} for a body of a type that the route does not read, for one that it does not want, and for none where it wants one */
export function requireBodyType(route: Route, request: FastifyRequest): void {
  if (!hasBody(request.raw)) {
    if (route.body !== undefined && route.method !== 'GET') throw new ProblemError('MALFORMED', 'Cannot do this without a body: send JSON')
    return
  }
  if (route.body === undefined || route.method === 'GET')
    throw new ProblemError('VALIDATION', 'Cannot take a body here: this call has none')
  const [type] = (headerOf(request.raw, 'content-type') ?? '').toLowerCase().split(';')
  const known = route.takesForms === true ? ['application/json', 'multipart/form-data', TORRENT_TYPE] : ['application/json']
  if (known.includes((type ?? '').trim())) return
  throw new ProblemError('UNSUPPORTED_TYPE', `Cannot read a body of type ${JSON.stringify(type)}: send ${known.join(' or ')}`)
}

export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch (cause) {
    throw new ProblemError('MALFORMED', 'Cannot read this body: it is not JSON in UTF-8', {}, { cause })
  }
}
