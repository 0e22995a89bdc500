import { chmod, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DaemonAccessError } from './daemon-access-error.ts'

const TOKEN_BYTES = 32
const TOKEN = /^[\w-]{43}$/
/** For its owner only. */
const PRIVATE = 0o600

/**
 * The token of a daemon, made once: who can read the file is the person whose daemon it is.
 *
 * @throws {DaemonAccessError} `STATE_UNAVAILABLE`
 */
export async function loadToken(path: string, randomBytes: (length: number) => Uint8Array): Promise<string> {
  try {
    const known = await readToken(path)
    if (known !== undefined) {
      if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, PRIVATE)
      return known
    }
    const made = Buffer.from(randomBytes(TOKEN_BYTES)).toString('base64url')
    await rm(path, { force: true }) // it may be there, and be no token
    await writePrivate(path, `${made}\n`, 'keep')
    return (await readToken(path)) ?? made
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new DaemonAccessError('STATE_UNAVAILABLE', `Cannot keep the daemon's token in ${path}: ${reason}. The folder must be yours`, {
      cause,
    })
  }
}

/** Undefined when there is none. */
export async function readToken(path: string): Promise<string | undefined> {
  const text = await readIfThere(path)
  return text !== undefined && TOKEN.test(text.trim()) ? text.trim() : undefined
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined
    throw error
  }
}

/** Written whole or not at all, and never readable by others, not even for a moment. */
export async function writePrivate(path: string, text: string, ifThere: 'keep' | 'replace'): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const unfinished = `${path}.${process.pid}.tmp`
  await rm(unfinished, { force: true })
  const file = await open(unfinished, 'wx', PRIVATE)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  if (ifThere === 'replace') {
    await rename(unfinished, path)
    return
  }
  try {
    await link(unfinished, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(unfinished, { force: true })
  }
}
