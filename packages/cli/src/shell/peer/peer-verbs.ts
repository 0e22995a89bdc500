import type { DaemonSettings } from '@shoal/api/daemon-api'
import { formatBytes, formatCounted, formatDuration, formatRate } from '@shoal/api/human'
import { clean, quoted } from '../../render/text.ts'
import { pairLines, pairsReply, sentence, spoken } from '../reply.ts'
import { misused, type Reply, type Verb, type VerbCall } from '../verb.ts'
import { ADD_VERBS } from './add-verbs.ts'
import { CONTROL_VERBS, readLimit } from './control-verbs.ts'
import { GROUP_VERBS } from './group-verbs.ts'
import type { PeerWorld } from './peer-world.ts'
import { TORRENT_VERBS } from './torrent-verbs.ts'

const MAX_DELAY_S = 60

/** Everything that can be typed into the shell of a peer; each is a command of the program, too. */
export const ALL_PEER_VERBS: readonly Verb<PeerWorld>[] = [
  {
    name: 'start',
    summary: 'shows where this peer runs',
    arguments: [{ name: 'address', isOptional: true, isRest: true }],
    usage: '[ip port]',
    example: 'start',
    run: start,
  },
  ...GROUP_VERBS,
  ...ADD_VERBS,
  ...TORRENT_VERBS,
  ...CONTROL_VERBS,
  {
    name: 'settings',
    summary: 'shows the settings, or changes one',
    arguments: [
      { name: 'setting', isOptional: true, complete: async ({ client }, _, signal) => Object.keys(await client.settings(signal)) },
      { name: 'value', isOptional: true, isRest: true },
    ],
    example: 'settings maxActiveDownloads 5',
    run: settings,
  },
  {
    name: 'set_delay',
    summary: 'lets each answer to other peers wait, for experiments',
    arguments: [{ name: 'seconds' }],
    example: 'set_delay 0.5',
    run: setDelay,
  },
]

async function start({ world, words, signal, now }: VerbCall<PeerWorld>): Promise<Reply> {
  const facts = await world.client.facts(signal)
  const addresses = world.ownAddresses()
  const [ip] = addresses
  const wanted = words.address ?? []
  const isElsewhere = wanted.length > 0 && (Number(wanted[1]) !== facts.peerPort || !addresses.includes(wanted[0]!))
  return {
    value: { ...facts, networkAddresses: addresses },
    lines: (view) => [
      ...spoken(`Peer is listening on ${ip ?? '127.0.0.1'}:${facts.peerPort}`, view),
      ...pairLines(
        [
          ['running', `for ${formatDuration(now() - facts.startedAt)} (Shoal ${clean(facts.version)}, process ${facts.pid})`],
          ['torrents', `${formatCounted(facts.torrents, 'torrent')}, ${formatCounted(facts.connections, 'connection')}`],
          ['now', `${formatRate(facts.downloadRate)} down, ${formatRate(facts.uploadRate)} up`],
          ['in all', `${formatBytes(facts.downloaded)} down, ${formatBytes(facts.uploaded)} up`],
          ['free', facts.freeBytes === null ? 'not known' : formatBytes(facts.freeBytes)],
          ['network', addresses.length === 0 ? 'this machine is in no network' : `this machine is ${addresses.join(', ')} in its network`],
        ],
        view,
      ),
      ...(isElsewhere ? spoken(`It runs already, so it stays where it is: others reach it at every address of this machine.`, view) : []),
    ],
  }
}

type SettingName = keyof DaemonSettings
/** Null is none. */
const LIMITS: readonly SettingName[] = ['downloadLimit', 'uploadLimit']

async function settings({ world, words, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const before = await world.client.settings(signal)
  const name = words.setting?.[0]
  const text = (words.value ?? []).join(' ')
  const setting = name === undefined ? undefined : settingNamed(name, before)
  if (setting === undefined || text === '') return settingsReply(before, setting)
  const changed = await world.client.changeSettings({ [setting]: valueTyped(setting, text, before[setting]) }, signal)
  return settingsReply(changed, setting)
}

/** @throws {CliError} `USAGE` */
function settingNamed(name: string, all: DaemonSettings): SettingName {
  const found = Object.keys(all).find((each) => each.toLowerCase() === name.toLowerCase())
  if (found !== undefined) return found as SettingName
  throw settingsMisused(`There is no setting ${quoted(name)}: there are ${Object.keys(all).join(', ')}`)
}

/** The typed value in the kind that the setting has now. */
function valueTyped(setting: SettingName, text: string, now: unknown): unknown {
  if (LIMITS.includes(setting)) return readLimit(text)
  if (typeof now === 'boolean') {
    if (/^(?:on|true|yes)$/i.test(text)) return true
    if (/^(?:off|false|no)$/i.test(text)) return false
    throw settingsMisused(`${setting} is on or off`)
  }
  if (typeof now === 'number') {
    if (/^\d{1,15}$/.test(text)) return Number(text)
    throw settingsMisused(`${setting} is a whole number`)
  }
  if (typeof now === 'string') return text
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw settingsMisused(`${setting} is written as JSON, as "settings ${setting}" shows it`, cause)
  }
}

function settingsMisused(problem: string, cause?: unknown): Error {
  const error = misused({ name: 'settings', usage: '[setting] [value]' }, problem)
  if (cause !== undefined) error.cause = cause
  return error
}

function settingsReply(all: DaemonSettings, only: SettingName | undefined): Reply {
  const names = Object.keys(all).filter((name) => only === undefined || name === only) as SettingName[]
  return pairsReply(
    names.map((name) => [name, clean(settingText(all[name]))] as const),
    all,
  )
}

/** As one types it. */
function settingText(value: DaemonSettings[SettingName]): string {
  if (value === null) return 'off'
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

async function setDelay({ world, argument, signal }: VerbCall<PeerWorld>): Promise<Reply> {
  const text = argument('seconds')
  const seconds = /^\d{1,3}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (!(seconds <= MAX_DELAY_S)) {
    throw misused({ name: 'set_delay', usage: '<seconds>' }, `${quoted(text)} is no delay: seconds from 0 to ${MAX_DELAY_S}, such as 0.5`)
  }
  const { delayMs } = await world.client.changeSettings({ delayMs: Math.round(seconds * 1_000) }, signal)
  const text2 =
    delayMs === 0 ? 'Answers to other peers wait no more.' : `Each answer to another peer waits ${delayMs / 1_000} s from now on.`
  return sentence(text2, { delayMs })
}
