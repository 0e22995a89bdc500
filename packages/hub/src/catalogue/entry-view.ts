import type { FileEntry, PieceHolders } from '@shoal/api/hub-api'
import type { AvailabilityGauge } from './availability.ts'
import type { Presence, Reader } from './catalogue-needs.ts'
import type { EntryRecord } from './entry-store.ts'

/** An entry with all that is known of it. Nobody is shown it as it is: see `entryFor`. */
export function wholeEntry(record: EntryRecord, gauge: AvailabilityGauge, presence: Presence): FileEntry {
  const { torrent } = record
  return {
    id: record.id,
    name: record.name,
    infoHash: record.info_hash,
    ...(torrent.info_hash_v2 !== null && { infoHashV2: torrent.info_hash_v2 }),
    size: torrent.size,
    pieceLength: torrent.piece_length,
    pieceCount: torrent.piece_count,
    fileCount: torrent.file_count,
    isPrivate: torrent.is_private !== 0,
    ...(record.description !== null && { description: record.description }),
    tags: [...record.tags],
    ...(record.host_id !== null && {
      host: {
        id: record.host_id,
        name: record.host_name ?? '',
        isOnline: presence.isOnline(record.host_id),
        ...(record.host_ip !== null && { ip: record.host_ip }),
        ...(record.host_port !== null && { port: record.host_port }),
      },
    }),
    ...(record.owner_id !== null && { owner: { id: record.owner_id, name: record.owner_name ?? '' } }),
    ...(record.local_path !== null && { localPath: record.local_path }),
    publishedAt: record.published_at,
    availability: gauge.availabilityOf({ infoHash: record.info_hash, pieceCount: torrent.piece_count }),
  }
}

/**
 * What this reader may see of an entry: addresses and members are for members, the path at the host for its owner and for
 * those who run the hub.
 */
export function entryFor(reader: Reader, entry: FileEntry): FileEntry {
  const { host, owner, localPath, ...rest } = entry
  const isOwn = isOwner(reader, owner?.id ?? null)
  return {
    ...rest,
    ...(host !== undefined && { host: reader.may('peers:read') ? host : withoutAddress(host) }),
    ...(owner !== undefined && (isOwn || reader.may('members:read')) && { owner }),
    ...(localPath !== undefined && (isOwn || reader.may('settings:read')) && { localPath }),
  }
}

export function holdersFor(reader: Reader, holders: PieceHolders): PieceHolders {
  if (reader.may('peers:read')) return holders
  return { ...holders, holders: holders.holders.map((holder) => ({ ...holder, peer: withoutAddress(holder.peer) })) }
}

/** A token for feeds is not its owner. */
export function isOwner(reader: Reader, ownerId: string | null): boolean {
  return ownerId !== null && reader.accountId === ownerId && reader.may('files:publish')
}

function withoutAddress({ id, name, isOnline }: NonNullable<FileEntry['host']>): NonNullable<FileEntry['host']> {
  return { id, name, isOnline }
}
