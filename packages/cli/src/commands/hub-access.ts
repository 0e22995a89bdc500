import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HubClient } from '@shoal/api/client'
import { hubStateFolder } from '../foreground/folders.ts'
import { CliError } from '../render/failure.ts'
import { quoted } from '../render/text.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface HubAccessOptions {
  readonly url?: string
  readonly token?: string
}

const DEFAULT_URL = 'http://127.0.0.1:6880'
/** Written by a hub at each start, for its machine's operator only. */
const OPERATOR_TOKEN_FILE = 'operator-token'
/** Where the hub of this state folder was last reached: it may have taken another port than the usual one. */
const URL_FILE = 'url'
const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700

/**
 * The hub that a command is meant for: the named one, else the one that runs on this machine, as its operator.
 *
 * The operator's token is never sent to another machine.
 *
 * @throws {CliError} `FILE_MISSING`, {ClientError} `HUB_URL`
 */
export function hubOf(options: HubAccessOptions, environment: Environment): HubClient {
  const folder = hubStateFolder(environment)
  const url = options.url ?? environment.SHOAL_URL ?? readLine(join(folder, URL_FILE)) ?? DEFAULT_URL
  const token = options.token ?? environment.SHOAL_TOKEN ?? operatorTokenFor(url, folder)
  return new HubClient({ url, token })
}

function operatorTokenFor(url: string, folder: string): string {
  const ownUrl = readLine(join(folder, URL_FILE)) ?? DEFAULT_URL
  if (!isSamePlace(url, ownUrl)) {
    throw new CliError(
      'OPTION_INVALID',
      `Cannot speak to ${quoted(url)} without a token: make one on its page, and give it with --token or in SHOAL_TOKEN`,
    )
  }
  const path = join(folder, OPERATOR_TOKEN_FILE)
  const token = readLine(path)
  if (token !== undefined) return token
  throw new CliError('FILE_MISSING', `No hub of yours has run on this machine: ${quoted(path)} is not there. Start one with: shoal hub`)
}

/** For those that come later. @returns a function that takes it back */
export function rememberUrl(url: string, environment: Environment): () => void {
  const folder = hubStateFolder(environment)
  const path = join(folder, URL_FILE)
  try {
    mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER })
    writeFileSync(path, `${url}\n`, { mode: PRIVATE_FILE })
  } catch {
    // Nobody needs it on the usual port, and --url says it on another.
  }
  return () => {
    if (readLine(path) === url) rmSync(path, { force: true })
  }
}

/** Only to the port that our hub has: whoever listens on another one here is somebody else. */
function isSamePlace(url: string, ownUrl: string): boolean {
  if (!URL.canParse(url) || !URL.canParse(ownUrl)) return false
  const [asked, own] = [new URL(url), new URL(ownUrl)]
  if (asked.protocol !== own.protocol || asked.port !== own.port) return false
  return asked.hostname === own.hostname || (LOOPBACK.test(asked.hostname) && LOOPBACK.test(own.hostname))
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/

function readLine(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0]?.trim() || undefined
  } catch {
    return undefined // whoever needs it says what is missing
  }
}
