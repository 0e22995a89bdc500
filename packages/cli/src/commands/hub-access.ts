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

/** A hub that is spoken to. */
export interface HubAccess {
  readonly client: HubClient
  /** As others type it: on its own machine a hub is reached by another address than by them. */
  readonly publicUrl: string
}

/**
 * The hub that a command is meant for: the named one, else the one that runs on this machine, as its operator.
 *
 * The operator's token is sent to that one only.
 *
 * @throws {CliError} `FILE_MISSING`, `OPTION_INVALID`; {ClientError} `HUB_URL`; {HubError} `OPTION_INVALID`
 */
export function hubOf(options: HubAccessOptions, environment: Environment): HubAccess {
  const folder = stateDirectoryOf(options, environment)
  const own = rememberedUrls(folder)
  const url = options.url ?? environment.SHOAL_URL ?? own.url
  const isOwn = isSamePlace(url, own.url)
  const token = options.token ?? environment.SHOAL_TOKEN ?? (isOwn ? operatorToken(folder) : noToken(url))
  return { client: new HubClient({ url, token }), publicUrl: isOwn ? own.publicUrl : url }
}

/** The hub that runs in this process. */
export function ownHub(urls: HubUrls, stateDirectory: string): HubAccess {
  return { client: new HubClient({ url: urls.url, token: operatorToken(stateDirectory) }), publicUrl: urls.publicUrl }
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

/** How a hub is reached from its own machine, and by everybody else. */
export interface HubUrls {
  readonly url: string
  readonly publicUrl: string
}

/** For those that come later. @returns a function that takes it back */
export function rememberUrls({ url, publicUrl }: HubUrls, stateDirectory: string): () => void {
  const path = join(stateDirectory, URL_FILE)
  const text = `${url}\n${publicUrl}\n`
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: PRIVATE_FOLDER })
    writeFileSync(path, text, { mode: PRIVATE_FILE })
  } catch {
    // Nobody needs it on the usual port, and --url says it on another.
  }
  return () => {
    if (linesOf(path)[0] === url) rmSync(path, { force: true })
  }
}

function rememberedUrls(stateDirectory: string): HubUrls {
  const [url = DEFAULT_URL, publicUrl = url] = linesOf(join(stateDirectory, URL_FILE))
  return { url, publicUrl }
}

function noToken(url: string): never {
  throw new CliError(
    'OPTION_INVALID',
    `Cannot speak to ${quoted(url)} without a token: make one on its page, and give it with --token or in SHOAL_TOKEN`,
  )
}

function operatorToken(stateDirectory: string): string {
  const path = join(stateDirectory, OPERATOR_TOKEN_FILE)
  const [token] = linesOf(path)
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

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/).filter(Boolean)
  } catch {
    return [] // whoever needs it says what is missing
  }
}
