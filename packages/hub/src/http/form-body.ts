import { ProblemError } from '@shoal/api/problem'
import type { FastifyRequest } from 'fastify'
import type { HubRoute } from './route.ts'
import type { SchemaCheck } from './schema-check.ts'

/** A .torrent file as the whole body, as `curl --data-binary` sends it. */
export const TORRENT_TYPE = 'application/x-bittorrent'

/** Of a form; the size of its one file is the route's `bodyLimit`. */
export const MULTIPART_LIMITS = { fields: 50, files: 1, parts: 51, fieldSize: 65_536, fieldNameSize: 100, headerPairs: 20 } as const

/** The body of a call as its schema names it, however it came: the file `torrent` of a form becomes base64 text. */
export async function formOf(route: HubRoute, check: SchemaCheck | undefined, request: FastifyRequest): Promise<unknown> {
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
