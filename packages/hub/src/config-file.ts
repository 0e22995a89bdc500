import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { type HubConfig, hubConfigOf } from './config.ts'
import { environmentNameOf, flagOf, SETTING_KEYS, type SettingKey, type SettingValues, settingOf } from './config-settings.ts'
import { readValue, valueText } from './config-value.ts'
import { HubError } from './errors.ts'
import { nearestName } from './nearest-name.ts'
import { defaultStateDirectory } from './state-directory.ts'

/** Where the configuration comes from; what comes later is stronger: defaults, file, environment, flags. */
export interface ConfigSources {
  /** `--config`, or `SHOAL_HUB_CONFIG`; without either there is no file. */
  readonly file?: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What the command line says, by key of the table; `true` for a flag without a value. */
  readonly flags?: Readonly<Partial<Record<SettingKey, string | true>>>
}

/** One setting as it counts. */
export interface EffectiveSetting {
  readonly key: SettingKey
  /** As it could be written into the file. */
  readonly text: string
  /** `default`, the path of the file, the name of the variable, or the flag. */
  readonly from: string
}

export interface ReadConfig {
  readonly config: HubConfig
  readonly settings: readonly EffectiveSetting[]
}

interface Given {
  readonly text: string
  readonly from: string
  /** What relative paths are relative to. */
  readonly folder: string
}

/**
 * Puts the configuration of a hub together, and refuses what it does not understand: a setting that is misspelt would
 * otherwise be one that is silently not set.
 *
 * @throws {HubError} `OPTION_INVALID`, with everything that is wrong
 */
export function readHubConfig(sources: ConfigSources): ReadConfig {
  const file = sources.file ?? (sources.environment[CONFIG_VARIABLE] || undefined)
  const problems: string[] = []
  const layers = [fromFile(file, problems), fromEnvironment(sources.environment, problems), fromFlags(sources.flags ?? {})]
  const values: Record<string, unknown> = {}
  const settings: EffectiveSetting[] = []
  for (const key of SETTING_KEYS) {
    const setting = settingOf(key)
    const given = layers.findLast((layer) => layer.has(key))?.get(key) ?? byDefault(key, sources.environment)
    const read = readValue(setting, given.text)
    if ('problem' in read) {
      problems.push(`${key} = ${JSON.stringify(given.text)} (${given.from}): ${read.problem}`)
      continue
    }
    const value = setting.kind === 'path' && read.value !== '' ? resolve(given.folder, String(read.value)) : read.value
    values[key] = value
    settings.push({ key, text: valueText(setting, value), from: given.from })
  }
  if (problems.length > 0) throw new HubError('OPTION_INVALID', `Cannot use the configuration:\n  ${problems.join('\n  ')}`)
  return { config: hubConfigOf(values as SettingValues), settings }
}

/** Names the file when no flag does. */
const CONFIG_VARIABLE = 'SHOAL_HUB_CONFIG'
/** Not about the hub that runs here, but about the one that a command speaks to. */
const OTHER_VARIABLES: readonly string[] = [CONFIG_VARIABLE, 'SHOAL_HUB_URL', 'SHOAL_HUB_TOKEN']

function byDefault(key: SettingKey, environment: ConfigSources['environment']): Given {
  const text = key === 'state' ? defaultStateDirectory(environment) : settingOf(key).default
  return { text, from: 'default', folder: '.' }
}

function fromFile(file: string | undefined, problems: string[]): Map<SettingKey, Given> {
  const layer = new Map<SettingKey, Given>()
  if (file === undefined) return layer
  const path = resolve(file)
  const collect = (table: object, prefix: string): void => {
    for (const [name, value] of Object.entries(table) as [string, unknown][]) {
      const key = `${prefix}${name}`
      const isSection = SETTING_KEYS.some((known) => known.startsWith(`${key}.`))
      if (isKey(key)) layer.set(key, { text: textOf(value), from: path, folder: dirname(path) })
      else if (isSection && typeof value === 'object' && value !== null) collect(value, `${key}.`)
      else problems.push(`${unknownName(key, KEYS_AND_SECTIONS)} (${path})`)
    }
  }
  collect(parsed(path), '')
  return layer
}

function parsed(path: string): object {
  if (!existsSync(path)) throw new HubError('OPTION_INVALID', `Cannot read the configuration ${path}: there is no such file`)
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    // The first line says what; a TomlError goes on with a picture of the place, which is good to have.
    const what = error instanceof TomlError ? `it is not TOML: ${reason.trimEnd()}` : reason
    throw new HubError('OPTION_INVALID', `Cannot read the configuration ${path}: ${what}`, { cause: error })
  }
}

/** Values of TOML as text: numbers, booleans and lists may be written as what they are. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(',')
  if (typeof value === 'string') return value
  return JSON.stringify(value) ?? ''
}

function fromEnvironment(environment: ConfigSources['environment'], problems: string[]): Map<SettingKey, Given> {
  const layer = new Map<SettingKey, Given>()
  const byName = new Map(SETTING_KEYS.map((key) => [environmentNameOf(key), key]))
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || text === '' || OTHER_VARIABLES.includes(name)) continue
    const key = byName.get(name)
    if (key !== undefined) layer.set(key, { text, from: name, folder: '.' })
    // Others may have variables with this beginning, too: only what looks like a misspelt one of ours is refused.
    else if (name.startsWith('SHOAL_HUB_') && nearestName(name, [...byName.keys()]) !== undefined) {
      problems.push(`${unknownName(name, [...byName.keys()])} (environment)`)
    }
  }
  return layer
}

function fromFlags(flags: NonNullable<ConfigSources['flags']>): Map<SettingKey, Given> {
  const given = Object.entries(flags) as [SettingKey, string | true][]
  return new Map(given.map(([key, text]) => [key, { text: text === true ? 'true' : text, from: `--${flagOf(key)}`, folder: '.' }]))
}

const KEYS_AND_SECTIONS: readonly string[] = [...SETTING_KEYS, ...new Set(SETTING_KEYS.flatMap((key) => key.split('.').slice(0, -1)))]

function isKey(key: string): key is SettingKey {
  return (SETTING_KEYS as readonly string[]).includes(key)
}

function unknownName(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return `there is no setting ${name}${nearest === undefined ? '' : `. Did you mean ${nearest}?`}`
}
