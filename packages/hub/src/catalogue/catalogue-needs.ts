import type { HubEvent } from '@shoal/api/hub-api'
import type { Permission } from '@shoal/api/permissions'
import type { Kysely, Transaction } from 'kysely'
import type { Schema } from '../database/schema.ts'

/** What the catalogue needs of the other rooms, in its own words. */

/** Reads go to `db`; what belongs together goes through `transaction`, one after another. */
export interface CatalogueDatabase {
  readonly db: Kysely<Schema>
  transaction<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T>
}

/** Whoever asks. What he may not see is left out of the answer. */
export interface Reader {
  readonly accountId: string | undefined
  readonly name: string
  may(permission: Permission): boolean
}

/** A connected peer that publishes over the control channel, where it was asked whether it may. */
export interface PublishingHost {
  readonly id: string
  readonly caller: { readonly accountId: string | undefined }
}

/** What the tracker counts. */
export interface SwarmCounts {
  /** @param infoHash 40 hex digits, lower case */
  countsOf(infoHash: string): { readonly seeds: number; readonly leechers: number }
}

export interface PresentHost {
  readonly id: string
  readonly name: string
  readonly ip: string
  readonly port: number
}

/** Who is connected over the control channel, and what they say they have. */
export interface Presence {
  isOnline(hostId: string): boolean
  /** The last map of each connected host that sent one of this torrent (see piece-map). */
  holdersOf(infoHash: string): Iterable<{ readonly host: PresentHost; readonly map: string }>
}

/** What the operator has set. */
export interface CatalogueRules {
  readonly hubName: string
  readonly maxFilesPerMember: number
  /** 0: never. */
  readonly forgetAfterDays: number
  readonly isMembersOnly: boolean
}

export interface RulesSource {
  rules(): Promise<CatalogueRules> | CatalogueRules
}

/** Hears of every change, after it has been written. Entries in it are whole: see `entryFor`. */
export type EventListener = (event: HubEvent) => void
