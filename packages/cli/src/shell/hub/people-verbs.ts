import type { Member, NewInvite, SignedIn } from '@shoal/api/hub-api'
import { formatCount, formatDuration } from '@shoal/api/human'
import { ROLES, type Role } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import { quoted } from '../../render/text.ts'
import { pairLines, sentence, spoken, tableReply } from '../reply.ts'
import { misused, type Reply, type Verb, type VerbCall } from '../verb.ts'
import { asOthersType, type HubWorld, memberNamed } from './hub-world.ts'

const HOUR_MS = 3_600_000
const INVITED_ROLES = ROLES.slice(1)

/** Who may be here, and as what. */
export const PEOPLE_VERBS: readonly Verb<HubWorld>[] = [
  {
    name: 'register',
    summary: 'makes an account, and asks for its password',
    arguments: [{ name: 'name' }],
    options: [{ name: 'invite', value: 'code', summary: 'where the hub asks for an invitation' }],
    example: 'register an',
    run: register,
  },
  { name: 'members', summary: 'shows all accounts', example: 'members', run: members },
  {
    name: 'invite',
    summary: 'makes a link by which somebody can register',
    options: [
      { name: 'role', value: 'role', summary: INVITED_ROLES.join(', '), choices: INVITED_ROLES },
      { name: 'uses', value: 'n', summary: 'so many people (1)' },
      { name: 'hours', value: 'n', summary: 'good for so long' },
      { name: 'note', value: 'text', summary: 'for you: whom it is for' },
    ],
    example: 'invite --uses 20 --hours 48 --note "class of 2027"',
    run: invite,
  },
  { name: 'invites', summary: 'shows the invitations that are still good', example: 'invites', run: invites },
  {
    name: 'uninvite',
    summary: 'takes an invitation back',
    arguments: [{ name: 'id', complete: async ({ client }, _, signal) => (await client.invites(signal)).map(({ id }) => id) }],
    example: 'uninvite 3kTq',
    run: uninvite,
  },
  {
    name: 'ban',
    summary: 'shuts an account out at once, everywhere',
    arguments: [
      { name: 'member', complete: memberNames },
      { name: 'reason', isOptional: true, isRest: true },
    ],
    example: 'ban mallory shares what is not hers',
    run: (call) => setBan(call, true),
  },
  {
    name: 'unban',
    summary: 'lets it back in',
    arguments: [{ name: 'member', complete: memberNames }],
    example: 'unban mallory',
    run: (call) => setBan(call, false),
  },
  {
    name: 'role',
    summary: 'says what a member may do',
    arguments: [
      { name: 'member', complete: memberNames },
      { name: 'role', complete: async () => ROLES },
    ],
    example: 'role binh moderator',
    run: giveRole,
  },
]

async function memberNames({ client }: HubWorld, _before: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  return (await client.members(signal)).map((member) => member.name)
}

async function register({ world, argument, options, signal, ask, isInteractive }: VerbCall<HubWorld>): Promise<Reply> {
  const name = argument('name')
  const password = await ask(`  Password for ${quoted(name)}: `, 'secret')
  if (isInteractive && (await ask('  Once more: ', 'secret')) !== password) {
    throw new ProblemError('VALIDATION', 'The two passwords are not the same, so no account was made. Try again')
  }
  const { account, token } = await entry(world.client, { name, password }, options.get('invite'), signal)
  // The person signs in from where he or she is; nobody here needs the session.
  if (token !== undefined) await world.client.as(token).signOut(signal)
  return sentence(`${quoted(account.name)} has an account now, as ${account.role}.`, account)
}

/** The first account owns the hub. Where only the invited may come in, whoever runs the hub invites by registering somebody. */
async function entry(
  client: HubWorld['client'],
  person: { readonly name: string; readonly password: string },
  invite: string | undefined,
  signal: AbortSignal,
): Promise<SignedIn> {
  if (invite !== undefined) return client.register({ ...person, invite }, signal)
  const { registration, needsSetup } = await client.facts(signal)
  if (needsSetup) return client.setUp({ ...person, code: new URL(await client.setupLink(signal)).hash.slice(1) }, signal)
  if (registration === 'open') return client.register(person, signal)
  const { id, code } = await client.invite({ uses: 1, expiresInHours: 1 }, signal)
  try {
    return await client.register({ ...person, invite: code }, signal)
  } catch (error) {
    await client.withdrawInvite(id)
    throw error
  }
}

async function members({ world, signal, now }: VerbCall<HubWorld>): Promise<Reply> {
  const all = await world.client.members(signal)
  const moment = now()
  return tableReply(
    {
      columns: [
        { title: 'name', leastCells: 10 },
        { title: 'role' },
        { title: 'files', isNumber: true },
        { title: 'seen', leastCells: 12 },
      ],
      rows: all.map((member) => [member.name, member.role, formatCount(member.files), seen(member, moment)]),
    },
    all,
    'Nobody has an account yet. The set-up link makes the first one: shoal hub setup-link',
  )
}

function seen({ isBanned, banReason, isOnline, lastSeenAt }: Member, now: number): string {
  if (isBanned) return banReason === undefined ? 'banned' : `banned: ${banReason}`
  if (isOnline) return 'now'
  return lastSeenAt === null ? 'never' : `${formatDuration(now - lastSeenAt)} ago`
}

async function invite({ world, options, signal, now }: VerbCall<HubWorld>): Promise<Reply> {
  const uses = numberOf('uses', options)
  const hours = numberOf('hours', options)
  const role = options.get('role') as Exclude<Role, 'owner'> | undefined
  const note = options.get('note')
  const asked: NewInvite = {
    ...(role === undefined ? {} : { role }),
    ...(uses === undefined ? {} : { uses }),
    ...(hours === undefined ? {} : { expiresInHours: hours }),
    ...(note === undefined ? {} : { note }),
  }
  const invited = await world.client.invite(asked, signal)
  const made = { ...invited, link: asOthersType(invited.link, world) }
  const people = made.usesLeft === 1 ? 'one person' : `${formatCount(made.usesLeft)} people`
  return {
    value: made,
    lines: (view) => [
      ...pairLines(
        [
          ['link', made.link],
          ['code', made.code],
          ['good for', `${people}, as ${made.role}, for ${formatDuration(made.expiresAt - now())}`],
        ],
        view,
      ),
      ...(view.isTerminal ? spoken('Nobody can see the link again: send it now.', view) : []),
    ],
  }
}

async function invites({ world, signal, now }: VerbCall<HubWorld>): Promise<Reply> {
  const all = await world.client.invites(signal)
  const moment = now()
  return tableReply(
    {
      columns: [
        { title: 'id' },
        { title: 'role' },
        { title: 'left', isNumber: true },
        { title: 'by', leastCells: 8 },
        { title: 'good for' },
        { title: 'note', leastCells: 10 },
      ],
      rows: all.map((each) => [
        each.id,
        each.role,
        formatCount(each.usesLeft),
        each.createdBy,
        each.expiresAt <= moment ? 'over' : formatDuration(Math.max(HOUR_MS / 60, each.expiresAt - moment)),
        each.note ?? '',
      ]),
    },
    all,
    'There are no invitations. Make one with: invite',
  )
}

async function uninvite({ world, argument, signal }: VerbCall<HubWorld>): Promise<Reply> {
  const id = argument('id')
  await world.client.withdrawInvite(id, signal)
  return sentence(`The invitation ${quoted(id)} is good for nobody any more.`, { withdrawn: id })
}

async function setBan({ world, argument, words, signal }: VerbCall<HubWorld>, isBanned: boolean): Promise<Reply> {
  const member = await memberNamed(world.client, argument('member'), signal)
  const reason = (words.reason ?? []).join(' ')
  const changed = await world.client.changeMember(member.id, { isBanned, ...(reason === '' ? {} : { banReason: reason }) }, signal)
  const text = isBanned ? `${quoted(changed.name)} is shut out, everywhere and at once.` : `${quoted(changed.name)} may come in again.`
  return sentence(text, changed)
}

async function giveRole({ world, argument, signal }: VerbCall<HubWorld>): Promise<Reply> {
  const role = argument('role').toLowerCase()
  if (!isRole(role)) throw misused({ name: 'role', usage: '<member> <role>' }, `${quoted(role)} is no role: there are ${ROLES.join(', ')}`)
  const member = await memberNamed(world.client, argument('member'), signal)
  const changed = await world.client.changeMember(member.id, { role }, signal)
  return sentence(`${quoted(changed.name)} is ${changed.role} now.`, changed)
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text)
}

/** @throws {CliError} `USAGE` */
function numberOf(name: string, options: ReadonlyMap<string, string>): number | undefined {
  const text = options.get(name)
  if (text === undefined) return undefined
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text)
  throw misused({ name: 'invite', usage: '[--uses <n>] [--hours <n>]' }, `--${name} is a whole number from 1`)
}
