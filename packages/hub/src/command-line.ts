import { parseArgs } from 'node:util'
import { flagOf, SETTING_KEYS, type SettingKey, settingOf } from './config-settings.ts'

/** What a command line says about the configuration of a hub. */
export interface HubCommandLine {
  readonly file: string | undefined
  readonly flags: Readonly<Partial<Record<SettingKey, string | true>>>
  /** Only show what the configuration is. */
  readonly onlyPrints: boolean
}

/** Every setting is a flag: `--tracker-interval 10min`, `--open`. @throws {TypeError} for what is none */
export function readCommandLine(words: readonly string[]): HubCommandLine {
  const options = Object.fromEntries(
    SETTING_KEYS.map((key) => [flagOf(key), { type: settingOf(key).kind === 'flag' ? ('boolean' as const) : ('string' as const) }]),
  )
  const { values } = parseArgs({
    args: [...words],
    options: { ...options, config: { type: 'string' }, 'print-config': { type: 'boolean' } },
    strict: true,
  })
  const given = values as Readonly<Record<string, string | boolean | undefined>>
  const flags: Partial<Record<SettingKey, string | true>> = {}
  for (const key of SETTING_KEYS) {
    const value = given[flagOf(key)]
    if (typeof value === 'string' || value === true) flags[key] = value
  }
  return { file: typeof given.config === 'string' ? given.config : undefined, flags, onlyPrints: given['print-config'] === true }
}
