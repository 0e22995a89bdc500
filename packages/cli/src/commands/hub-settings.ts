import type { ConfigSources } from '@shoal/hub/config-file'
import { flagOf, SETTING_KEYS, type SettingKey, settingOf } from '@shoal/hub/config-settings'
import { type Command, Option } from 'commander'

/** Flags that one meets in the help; the others are found by whoever needs them. */
const SHOWN: readonly SettingKey[] = ['host', 'port', 'public-url', 'name', 'open', 'registration', 'state']

/** `--config`, and a flag for each setting of a hub. */
export function withHubSettings(command: Command): Command {
  command.option('--config <file>', 'settings from a TOML file (or in SHOAL_HUB_CONFIG)')
  for (const key of SETTING_KEYS) command.addOption(optionOf(key))
  return command.addHelpText('after', 'Every setting of the file is a flag and a variable, too: shoal hub config')
}

/** Which of them were given; flags are stronger than the environment, and that than the file. */
export function configSourcesOf(options: Readonly<Record<string, unknown>>, environment: ConfigSources['environment']): ConfigSources {
  const flags: Partial<Record<SettingKey, string | true>> = {}
  for (const key of SETTING_KEYS) {
    const given = options[optionOf(key).attributeName()]
    if (typeof given === 'string' || given === true) flags[key] = given
  }
  return { environment, flags, ...(typeof options.config === 'string' ? { file: options.config } : {}) }
}

function optionOf(key: SettingKey): Option {
  const { kind, says, default: usual } = settingOf(key)
  const value = kind === 'flag' ? '' : ` <${kind === 'count' ? 'n' : kind}>`
  const plain = says.replaceAll('`', '')
  const text = plain.charAt(0).toLowerCase() + plain.slice(1) + (usual === '' || kind === 'flag' ? '' : ` (default: ${usual})`)
  const option = new Option(`--${flagOf(key)}${value}`, text)
  return SHOWN.includes(key) ? option : option.hideHelp()
}
