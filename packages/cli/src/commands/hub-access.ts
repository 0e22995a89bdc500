import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HubClient } from '@shoal/api/client'
import { readHubConfig } from '@shoal/hub/config-file'
import { findUrls, type HubUrls } from '@shoal/hub/url-file'
import { CliError } from '../render/failure.ts'
import { quoted } from '../render/text.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface HubAccessOptions {
  readonly url?: string
  readonly token?: string
  readonly config?: string
  readonly state?: string
}

/** Written by a hub at each start, for its machine's operator only. */
const OPERATOR_TOKEN_FILE = 'operator-token'

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
  const own = findUrls(folder)
  const url = options.url ?? environment.SHOAL_URL ?? own.localUrl
  const isOwn = isSamePlace(url, own.localUrl)
  const token = options.token ?? environment.SHOAL_TOKEN ?? (isOwn ? operatorToken(folder) : noToken(url))
  return { client: new HubClient({ url, token }), publicUrl: isOwn ? own.url : url }
}

/** The hub that runs in this process. */
export function ownHub({ localUrl, url }: HubUrls, stateDirectory: string): HubAccess {
  return { client: new HubClient({ url: localUrl, token: operatorToken(stateDirectory) }), publicUrl: url }
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

function noToken(url: string): never {
  throw new CliError(
    'OPTION_INVALID',
    `Cannot speak to ${quoted(url)} without a token: make one on its page, and give it with --token or in SHOAL_TOKEN`,
  )
}

function operatorToken(stateDirectory: string): string {
  const path = join(stateDirectory, OPERATOR_TOKEN_FILE)
  const token = textOf(path)
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

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() || undefined
  } catch {
    return undefined // whoever needs it says what is missing
  }
}
