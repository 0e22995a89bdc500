import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { HubSystem } from '../system.ts'
import { type NewCredential, newCredential } from './credential.ts'

const SECRET_BYTES = 32

/**
 * The hub's own secret (`<state>/secret`), made once: announce keys are derived from it, so it belongs into a backup beside the database.
 *
 * @throws when the file is there and is no such secret: a new one would silently change everybody's announce keys.
 */
export async function loadHubSecret(stateDirectory: string, system: HubSystem): Promise<Uint8Array> {
  const path = join(stateDirectory, 'secret')
  const known = await readIfThere(path)
  if (known !== undefined) return secretIn(path, known)
  await writeNew(path, `${Buffer.from(system.randomBytes(SECRET_BYTES)).toString('base64url')}\n`, 'keep')
  return secretIn(path, await readFile(path, 'utf8'))
}

function secretIn(path: string, text: string): Uint8Array {
  const secret = Buffer.from(text.trim(), 'base64url')
  if (secret.length === SECRET_BYTES) return secret
  throw new Error(
    `Cannot use the hub's secret in ${path}: it is not what the hub wrote there. Put the file back from a backup, or remove it: then everybody gets new announce keys`,
  )
}

/**
 * A token with which whoever can read `<state>/operator-token` is the hub's operator: the person at its machine. New at each start, gone
 * with {@link removeOperatorToken}.
 */
export async function writeOperatorToken(stateDirectory: string, system: HubSystem): Promise<NewCredential> {
  const credential = newCredential(system, 'operator')
  await writeNew(join(stateDirectory, OPERATOR_TOKEN_FILE), `${credential.text}\n`, 'replace')
  return credential
}

export async function removeOperatorToken(stateDirectory: string): Promise<void> {
  await rm(join(stateDirectory, OPERATOR_TOKEN_FILE), { force: true })
}

const OPERATOR_TOKEN_FILE = 'operator-token'

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Written whole or not at all, and never readable by others, not even for a moment. */
async function writeNew(path: string, text: string, ifThere: 'keep' | 'replace'): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  if (ifThere === 'replace') return await rename(temporary, path)
  try {
    await link(temporary, path)
  } catch (error) {
    // another start was faster: its secret is the hub's
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(temporary, { force: true })
  }
}
