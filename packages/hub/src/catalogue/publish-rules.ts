import { ProblemError } from '@shoal/api/problem'
import type { Transaction } from 'kysely'
import type { Schema } from '../database/schema.ts'
import type { NewEntry } from './entry-writer.ts'

/**
 * Whether there is room for this entry: no path twice and no name twice at one host, no torrent twice among the uploads, and
 * nobody has more than everybody may. Transactions run one after another, so nobody comes between this look and the insert.
 *
 * @throws {ProblemError} `ALREADY_SHARED`, `TAKEN`, `QUOTA`
 */
export async function requireRoom(trx: Transaction<Schema>, entry: NewEntry, most: number): Promise<void> {
  const sameHost = () =>
    trx
      .selectFrom('entries')
      .select(['id', 'name'])
      .where((is) => (entry.hostId === undefined ? is('host_id', 'is', null) : is('host_id', '=', entry.hostId)))
  if (entry.hostId !== undefined && entry.localPath !== undefined) {
    const same = await sameHost().where('local_path', '=', entry.localPath).executeTakeFirst()
    if (same !== undefined) {
      throw new ProblemError('ALREADY_SHARED', `This peer shares that path already, as ${JSON.stringify(same.name)}. Withdraw it first`)
    }
  }
  if (entry.hostId === undefined) {
    const same = await sameHost().where('info_hash', '=', entry.torrent.infoHash).executeTakeFirst()
    if (same !== undefined) {
      throw new ProblemError('ALREADY_SHARED', `This torrent is here already, as ${JSON.stringify(same.name)}`, { choices: [same] })
    }
  }
  const rival = await sameHost().where('name_key', '=', entry.nameKey).executeTakeFirst()
  if (rival !== undefined) {
    const where = entry.hostId === undefined ? 'by another upload' : 'by this peer'
    throw new ProblemError(
      'TAKEN',
      `The name ${JSON.stringify(entry.name)} is in use ${where} (${JSON.stringify(rival.name)}). Choose another`,
    )
  }
  await requireQuota(trx, entry, most)
}

/** A member has so many entries, whichever host they are at; so has a host without a member, and so have all visitors together. */
async function requireQuota(trx: Transaction<Schema>, { ownerId, hostId }: NewEntry, most: number): Promise<void> {
  const { count } = await trx
    .selectFrom('entries')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where((is) => {
      if (ownerId !== undefined) return is('owner_id', '=', ownerId)
      const nobodys = is('owner_id', 'is', null)
      return is.and([nobodys, hostId === undefined ? is('host_id', 'is', null) : is('host_id', '=', hostId)])
    })
    .executeTakeFirstOrThrow()
  if (count < most) return
  const who = ownerId === undefined ? 'Whoever has no account' : 'A member'
  throw new ProblemError(
    'QUOTA',
    `${who} may share ${most} files here, and they are all in use. Withdraw one first, or ask who runs the hub`,
  )
}
