import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HubClient } from '@shoal/api/client'
import { readHubConfig } from '@shoal/hub/config-file'
import { CliError } from '../render/failure.ts'
import { quoted } from '../render/text.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface HubAccessOptions {
  readonly url?: string
  readonly token?: string
  readonly config?: string
  readonly state?: string
}

const DEFAULT_URL = 'http://127.0.0.1:6880'
/** Written by a hub at each start, for its machine's operator only. */
const OPERATOR_TOKEN_FILE = 'operator-token'
/** Where the hub of this state directory is reached: it may have taken another port than the usual one. */
const URL_FILE = 'url'
const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700

/**
 * The hub that a command is meant for: the named one, else the one that runs on this machine, as its operator.
 *
 * The operator's token is sent to that one only.
 *
 * @throws {CliError} `FILE_MISSING`, `OPTION_INVALID`; {ClientError} `HUB_URL`; {HubError} `OPTION_INVALID`
 */
export function hubOf(options: HubAccessOptions, environment: Environment): HubClient {
  const folder = stateDirectoryOf(options, environment)
  const url = options.url ?? environment.SHOAL_URL ?? rememberedUrl(folder)
  const token = options.token ?? environment.SHOAL_TOKEN ?? operatorTokenFor(url, folder)
  return new HubClient({ url, token })
}

/** The hub that runs in this process. */
export function ownHub(url: string, stateDirectory: string): HubClient {
  return new HubClient({ url, token: operatorToken(stateDirectory) })
}

export function stateDirectoryOf({ config, state }: HubAccessOptions, environment: Environment): string {
  const read = readHubConfig({
    environment,
    ...(config === undefined ? {} : { file: config }),
    ...(state === undefined ? {} : { flags: { state } }),
  })
  const directory = read.config.stateDirectory
  if (directory === undefined) throw new Error('Cannot happen: a configuration that was read has a state directory')
  return directory
}

/** For those that come later. @returns a function that takes it back */
export function rememberUrl(url: string, stateDirectory: string): () => void {
  const path = join(stateDirectory, URL_FILE)
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: PRIVATE_FOLDER })
    writeFileSync(path, `${url}\n`, { mode: PRIVATE_FILE })
  } catch {
    // Nobody needs it on the usual port, and --url says it on another.
  }
  return () => {
    if (readLine(path) === url) rmSync(path, { force: true })
  }
}

function rememberedUrl(stateDirectory: string): string {
  return readLine(join(stateDirectory, URL_FILE)) ?? DEFAULT_URL
}

function operatorTokenFor(url: string, stateDirectory: string): string {
  if (isSamePlace(url, rememberedUrl(stateDirectory))) return operatorToken(stateDirectory)
  throw new CliError(
    'OPTION_INVALID',
    `Cannot speak to ${quoted(url)} without a token: make one on its page, and give it with --token or in SHOAL_TOKEN`,
  )
}

function operatorToken(stateDirectory: string): string {
  const path = join(stateDirectory, OPERATOR_TOKEN_FILE)
  const token = readLine(path)
  if (token !== undefined) return token
  throw new CliError('FILE_MISSING', `No hub of yours runs on this machine: ${quoted(path)} is not there. Start one with: shoal hub`)
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
