import { toHex } from '@shoal/protocol/bytes'
import type { TrackerFailure } from '@shoal/protocol/tracker/announce'
import type { AnnounceKeys } from './accounts/announce-keys.ts'
import type { HubSettings } from './accounts/hub-settings.ts'
import type { ListedTorrents } from './catalogue/listed-torrents.ts'
import { type AccessPolicy, type AccessQuestion, NOT_LISTED, WRONG_KEY } from './tracker/access.ts'

/** Who may announce what on this hub, as its settings say at this moment. */
export class HubAccess implements AccessPolicy {
  readonly #settings: HubSettings
  readonly #keys: AnnounceKeys
  readonly #listed: ListedTorrents

  constructor(settings: HubSettings, keys: AnnounceKeys, listed: ListedTorrents) {
    this.#settings = settings
    this.#keys = keys
    this.#listed = listed
  }

  refusalOf({ infoHash, announceKey }: AccessQuestion): TrackerFailure | undefined {
    const { visitors, torrents } = this.#settings.current
    // Where visitors are let in a key proves nothing that anybody needs, but tells that its member was here.
    const isMember = announceKey !== undefined && this.#keys.memberOf(announceKey) !== undefined
    if (visitors === 'none' && !isMember) return WRONG_KEY
    return torrents === 'listed' && !this.#listed.has(toHex(infoHash)) ? NOT_LISTED : undefined
  }
}
