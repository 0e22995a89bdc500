import { realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { ProblemError } from '@shoal/api/problem'

/**
 * The daemon's own folder has its token, the tokens of hubs and what runs on completion: nothing is downloaded into it, and nothing
 * of it is shared, whoever asks.
 */
export class OwnFolder {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** @param body of any call; the fields that are paths are known by their names. @throws {ProblemError} `VALIDATION` */
  async requireOutside(body: unknown): Promise<void> {
    const own = await realOf(this.#folder)
    for (const [field, path] of pathsIn(body)) {
      if (isWithin(await realOf(path), own)) throw refused(field, path, "is in the daemon's own folder")
    }
    if (typeof body !== 'object' || body === null || !('path' in body) || typeof body.path !== 'string') return
    // what is made a torrent of goes out with all that is in it
    if (isWithin(own, await realOf(body.path))) throw refused('path', body.path, "holds the daemon's own folder")
  }
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function refused(field: string, path: string, detail: string): ProblemError {
  const text = `Cannot use ${JSON.stringify(path)}: it ${detail}, where its token is. Choose another`
  return new ProblemError('VALIDATION', text, { errors: [{ field, detail }] })
}

const PATH_FIELDS: ReadonlySet<string> = new Set(['path', 'dir', 'destination', 'downloadDir'])

function pathsIn(body: unknown, field = ''): [field: string, path: string][] {
  if (Array.isArray(body)) return body.flatMap((each) => pathsIn(each, field))
  if (typeof body === 'string') return PATH_FIELDS.has(field) && body.length > 0 ? [[field, body]] : []
  if (typeof body !== 'object' || body === null) return []
  return Object.entries(body).flatMap(([name, value]) =>
    PATH_FIELDS.has(name) || name === 'watchFolders' ? pathsIn(value, PATH_FIELDS.has(name) ? name : field) : [],
  )
}

/** Through links, as far as there is something. */
async function realOf(path: string): Promise<string> {
  const whole = resolve(path)
  try {
    return await realpath(whole)
  } catch {
    const above = dirname(whole)
    return above === whole ? whole : join(await realOf(above), relative(above, whole))
  }
}
