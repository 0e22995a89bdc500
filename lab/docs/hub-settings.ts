import { type HUB_SETTINGS, SETTING_KEYS, settingOf } from '../../packages/hub/src/config-settings.ts'

const BEGIN = '<!-- settings: written by lab/docs/make.ts -->'
const END = '<!-- end of settings -->'

/** The table of docs/hub.md, from the data that the hub itself reads. */
export function settingsTable(): string {
  const rows = SETTING_KEYS.map((key) => {
    const { default: byDefault, says, because } = settingOf(key)
    return `| \`${key}\` | ${byDefault === '' ? 'not set' : `\`${byDefault}\``}${choicesOf(key)} | ${says} | ${because} |`
  })
  return ['| setting | default | what it is | why |', '|---|---|---|---|', ...rows].join('\n')
}

/** The page with the table as it should be. */
export function withSettingsTable(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`docs/hub.md has lost its marks: ${BEGIN} and ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n${settingsTable()}\n${page.slice(end)}`
}

function choicesOf(key: keyof typeof HUB_SETTINGS): string {
  const { of: choices, default: byDefault } = settingOf(key)
  const others = choices?.filter((choice) => choice !== byDefault) ?? []
  return others.length === 0 ? '' : ` (or ${others.map((choice) => `\`${choice}\``).join(', ')})`
}
