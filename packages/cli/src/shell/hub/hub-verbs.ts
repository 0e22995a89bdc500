import { EventFeed } from '@shoal/api/event-feed'
import type { HubEvent, Settings, SettingsChange } from '@shoal/api/hub-api'
import { formatBytes, formatCount, formatDuration } from '@shoal/api/human'
import { clean, quoted } from '../../render/text.ts'
import { pairLines, pairsReply, sentence, spoken, tableReply } from '../reply.ts'
import { misused, type Reply, type Verb, type VerbCall } from '../verb.ts'
import { FILE_VERBS } from './file-verbs.ts'
import { addressOf, asOthersType, type HubWorld } from './hub-world.ts'
import { PEER_VERBS } from './peer-verbs.ts'
import { PEOPLE_VERBS } from './people-verbs.ts'

type SettingName = keyof Settings

/** What a setting may be, for completion, and how it is read. */
const SETTINGS: Readonly<Record<SettingName, { readonly choices?: readonly string[]; readonly isNumber?: true }>> = {
  name: {},
  visitors: { choices: ['none', 'guest', 'member'] },
  registration: { choices: ['open', 'invite', 'closed'] },
  torrents: { choices: ['any', 'listed'] },
  maxFilesPerMember: { isNumber: true },
  forgetAfterDays: { isNumber: true },
}

const SHOWN_AUDIT = 20
const MOST_AUDIT = 100

/** Everything that can be typed into the shell of a hub. */
export const HUB_VERBS: readonly Verb<HubWorld>[] = [
  {
    name: 'start',
    summary: 'shows where the hub runs',
    arguments: [{ name: 'address', isOptional: true, isRest: true }],
    usage: '[ip port]',
    example: 'start',
    run: start,
  },
  ...PEER_VERBS,
  ...FILE_VERBS,
  { name: 'watch', summary: 'shows news as they come, until Ctrl-C', example: 'watch', run: watch },
  { name: 'stats', summary: 'shows what the hub has to do', example: 'stats', run: stats },
  ...PEOPLE_VERBS,
  {
    name: 'settings',
    summary: 'shows the settings, or changes one',
    arguments: [
      { name: 'setting', isOptional: true, complete: async () => Object.keys(SETTINGS) },
      {
        name: 'value',
        isOptional: true,
        isRest: true,
        complete: async (_, [name = '']) => (isSetting(name) ? (SETTINGS[name].choices ?? []) : []),
      },
    ],
    example: 'settings registration invite',
    run: settings,
  },
  {
    name: 'audit',
    summary: 'shows who did what, the newest first',
    arguments: [{ name: 'n', isOptional: true }],
    example: 'audit 50',
    run: audit,
  },
  { name: 'backup', summary: 'copies the database, beside the hub', example: 'backup', run: backUp },
]

async function backUp({ world, signal }: VerbCall<HubWorld>): Promise<Reply> {
  const made = await world.client.backUp(signal)
  const where = `The database is copied into the folder "backups" of the hub's state directory: ${clean(made.name)}, ${formatBytes(made.size)}.`
  return sentence(`${where} To another disk, with all .torrent files: shoal hub backup <file>`, made)
}

async function start({ world, words, signal, now }: VerbCall<HubWorld>): Promise<Reply> {
  const told = await world.client.facts(signal)
  const facts = { ...told, announceUrls: told.announceUrls.map((url) => asOthersType(url, world)) }
  const { hostname, port } = new URL(world.client.url)
  const [ip = hostname, wanted = port] = words.address ?? []
  const isElsewhere = ip !== hostname || wanted !== port
  const networkAddresses = world.ownAddresses()
  return {
    value: { url: world.client.url, ...facts, networkAddresses },
    lines: (view) => [
      ...pairLines(
        [
          [
            'running',
            `${world.client.url} for ${formatDuration(now() - facts.startedAt)} (${clean(facts.name)}, Shoal ${clean(facts.version)})`,
          ],
          ...(world.publicUrl === world.client.url ? [] : [['for others', world.publicUrl] as const]),
          ['trackers', facts.visitors === 'member' ? facts.announceUrls.map(clean).join(', ') : 'each member has one, with a key in it'],
          [
            'network',
            networkAddresses.length === 0
              ? 'this machine is in no network'
              : `this machine is ${networkAddresses.join(', ')} in its network`,
          ],
        ],
        view,
      ),
      ...(isElsewhere
        ? spoken(
            `It runs already, so it stays where it is. To serve ${quoted(`${ip}:${wanted}`)}: exit, then shoal hub --host ${clean(ip)} --port ${clean(wanted)} --shell`,
            view,
          )
        : []),
      ...(facts.needsSetup ? spoken('Nobody owns it yet. The set-up link makes the first account: shoal hub setup-link', view) : []),
    ],
  }
}

async function stats({ world, signal }: VerbCall<HubWorld>): Promise<Reply> {
  const figures = await world.client.stats(signal)
  return pairsReply(
    [
      ['files', `${formatCount(figures.files)}, ${formatBytes(figures.bytes)} in ${formatCount(figures.torrents)} torrents`],
      ['peers', `${formatCount(figures.connectedPeers)} connected`],
      ['members', formatCount(figures.members)],
      ['swarms', `${formatCount(figures.swarms)} with ${formatCount(figures.swarmPeers)} peers`],
      ['announces', `${formatCount(figures.httpAnnounces)} over HTTP, ${formatCount(figures.udpAnnounces)} over UDP`],
      ['running for', formatDuration(figures.uptimeMs)],
    ],
    figures,
  )
}

async function settings({ world, words, signal }: VerbCall<HubWorld>): Promise<Reply> {
  const name = words.setting?.[0]
  const value = (words.value ?? []).join(' ')
  const now =
    name === undefined || value === ''
      ? await world.client.settings(signal)
      : await world.client.changeSettings(changeOf(name, value), signal)
  const shown = (Object.keys(SETTINGS) as SettingName[]).filter((each) => name === undefined || each === settingOf(name))
  return pairsReply(
    shown.map((each) => [each, clean(String(now[each]))] as const),
    now,
  )
}

function changeOf(name: string, value: string): SettingsChange {
  const setting = settingOf(name)
  const { choices, isNumber } = SETTINGS[setting]
  if (choices !== undefined && !choices.includes(value)) throw badSetting(`${setting} is one of ${choices.join(', ')}`)
  if (!isNumber) return { [setting]: value }
  if (!/^\d{1,9}$/.test(value)) throw badSetting(`${setting} is a whole number`)
  return { [setting]: Number(value) }
}

/** @throws {CliError} `USAGE` */
function settingOf(name: string): SettingName {
  const setting = Object.keys(SETTINGS).find((each) => each.toLowerCase() === name.toLowerCase())
  if (setting !== undefined && isSetting(setting)) return setting
  throw badSetting(`There is no setting ${quoted(name)}: there are ${Object.keys(SETTINGS).join(', ')}`)
}

function isSetting(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name)
}

function badSetting(problem: string): Error {
  return misused({ name: 'settings', usage: '[setting] [value]' }, problem)
}

async function audit({ world, words, signal, now }: VerbCall<HubWorld>): Promise<Reply> {
  const text = words.n?.[0] ?? String(SHOWN_AUDIT)
  const most = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (most < 1 || most > MOST_AUDIT) throw misused({ name: 'audit', usage: '[n]' }, `audit shows 1 to ${MOST_AUDIT} lines`)
  const entries = await world.client.audit(most, signal)
  const moment = now()
  return tableReply(
    {
      columns: [
        { title: 'when' },
        { title: 'who', leastCells: 8 },
        { title: 'did' },
        { title: 'to', leastCells: 8 },
        { title: 'what', leastCells: 8 },
      ],
      rows: entries.map((entry) => [
        `${formatDuration(moment - entry.at)} ago`,
        entry.actor,
        entry.action,
        entry.subject,
        entry.detail ?? '',
      ]),
    },
    entries,
    'Nothing was done yet that is written down.',
  )
}

/** Lasts until Ctrl-C; a hub that goes away is waited for. */
async function watch({ world, signal, show }: VerbCall<HubWorld>): Promise<undefined> {
  const { url, token } = world.client
  const feed = new EventFeed(
    { url, ...(token === undefined ? {} : { token }), chance: world.chance },
    {
      onEvent: (event) => {
        const text = newsOf(event)
        if (text !== undefined) show(sentence(text, event))
      },
      onBreak: (reason, waitMs) =>
        show(sentence(`${reason.message}. Trying again in ${formatDuration(waitMs)}.`, { type: 'break', waitMs })),
    },
  )
  await feed.run(signal)
}

/** What is only of interest to a page that draws it is no news. */
function newsOf(event: HubEvent): string | undefined {
  switch (event.type) {
    case 'file-published':
      return `${event.file.host === undefined ? 'Somebody' : quoted(event.file.host.name)} shares ${quoted(event.file.name)} (${formatBytes(event.file.size)}).`
    case 'file-withdrawn':
      return `${quoted(event.name)} is not shared any more.`
    case 'peer-connected':
      return `${quoted(event.peer.name)} ${addressOf(event.peer)} is here.`
    case 'peer-gone':
      return `${quoted(event.peer.name)} ${addressOf(event.peer)} is gone.`
    case 'settings-changed':
      return 'The settings were changed.'
    case 'reset':
    case 'file-changed':
    case 'availability':
    case 'pieces':
      return undefined
  }
}
