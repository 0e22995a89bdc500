import type { EffectiveSetting } from './config-file.ts'
import { isList, type Setting, settingOf } from './config-settings.ts'

/** The configuration as it counts, written as a configuration file that says the same; behind each line where it came from. */
export function configReport(settings: readonly EffectiveSetting[]): string {
  const rows = settings.map(({ key, text, from }) => {
    const [section, name] = key.includes('.') ? (key.split('.') as [string, string]) : ['', key]
    return { section, line: `${isSet(settingOf(key), text) ? '' : '# '}${name} = ${tomlOf(settingOf(key), text)}`, from }
  })
  const width = Math.min(44, Math.max(...rows.map(({ line }) => line.length)))
  const sections = [...new Set(rows.map(({ section }) => section))]
  const parts = sections.map((section) => {
    const lines = rows.filter((row) => row.section === section).map(({ line, from }) => `${line.padEnd(width)}  # ${from}`)
    return [...(section === '' ? [] : [`[${section}]`]), ...lines].join('\n')
  })
  return `${parts.join('\n\n')}\n`
}

function isSet(setting: Setting, text: string): boolean {
  return text !== '' || isList(setting)
}

function tomlOf(setting: Setting, text: string): string {
  if (setting.kind === 'count' || setting.kind === 'flag') return text
  if (isList(setting)) return JSON.stringify(text.split(', ').filter(Boolean)).replaceAll(',', ', ')
  return JSON.stringify(text)
}
