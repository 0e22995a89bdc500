import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type Server } from 'node:tls'
import { HubError } from './errors.ts'

export interface TlsPaths {
  /** PEM, with the chain. */
  readonly certificate: string
  /** PEM */
  readonly key: string
}

export interface TlsPair {
  readonly cert: string
  readonly key: string
}

/**
 * Certificate and key from files, taken again when the files change: certificates of today live for weeks. New files
 * that do not fit each other change nothing, and the old pair goes on.
 */
export class TlsFiles {
  readonly #paths: TlsPaths
  #pair: TlsPair
  #stamp: string
  #server: Server | undefined

  /** @throws {HubError} `OPTION_INVALID`: a file is missing, or is no certificate, or the key is of another one */
  static async open(paths: TlsPaths): Promise<TlsFiles> {
    const stamp = await stampOf(paths)
    return new TlsFiles(paths, await readPair(paths), stamp)
  }

  private constructor(paths: TlsPaths, pair: TlsPair, stamp: string) {
    this.#paths = paths
    this.#pair = pair
    this.#stamp = stamp
  }

  /** For `https.createServer`. */
  get pair(): TlsPair {
    return this.#pair
  }

  /** Milliseconds since 1970. */
  get expiresAt(): number {
    return expiryOf(this.#pair.cert)
  }

  /** Connections that come after a change have the new certificate. */
  serve(server: Server): void {
    this.#server = server
  }

  /**
   * To be called now and then, and on SIGHUP. Files that have changed since the last look are taken.
   *
   * @returns whether there is a new certificate
   * @throws {HubError} `OPTION_INVALID`, once for each change
   */
  async reload(): Promise<boolean> {
    const stamp = await stampOf(this.#paths)
    if (stamp === this.#stamp) return false
    this.#stamp = stamp
    this.#pair = await readPair(this.#paths)
    this.#server?.setSecureContext(this.#pair)
    return true
  }
}

async function stampOf(paths: TlsPaths): Promise<string> {
  const stamps = [paths.certificate, paths.key].map(async (path) => {
    try {
      const { mtimeMs, size, ino } = await stat(path)
      return `${mtimeMs} ${size} ${ino}`
    } catch {
      return 'missing' // reading it will say why
    }
  })
  return (await Promise.all(stamps)).join(', ')
}

async function readPair(paths: TlsPaths): Promise<TlsPair> {
  const cert = await readPem('tls.certificate', paths.certificate)
  const key = await readPem('tls.key', paths.key)
  try {
    createSecureContext({ cert, key })
    expiryOf(cert)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new HubError(
      'OPTION_INVALID',
      `Cannot use the certificate ${paths.certificate} with the key ${paths.key}: ${reason}. Both are PEM files, and the key is the one of the certificate`,
      { cause: error },
    )
  }
  return { cert, key }
}

async function readPem(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new HubError('OPTION_INVALID', `Cannot read ${setting}: ${reason}`, { cause: error })
  }
}

function expiryOf(pem: string): number {
  return Date.parse(new X509Certificate(pem).validTo)
}
