import { createHmac, timingSafeEqual } from 'node:crypto'
import type { PlayerKey } from '@shoal/api/daemon-api'
import type { DoorSystem } from '@shoal/door/system'

const LIFETIME_MS = 24 * 3_600_000
const MAC_CHARACTERS = 32

/**
 * What a video player shows instead of the token: it stands in an address, where many can see it, so it opens the files of one
 * torrent for a day and nothing else. Nothing is stored; a new token ends all of them.
 */
export class PlayerKeys {
  readonly #token: string
  readonly #system: Pick<DoorSystem, 'wallClock'>

  constructor(token: string, system: Pick<DoorSystem, 'wallClock'>) {
    this.#token = token
    this.#system = system
  }

  issue(torrentId: string): PlayerKey {
    const expiresAt = Math.floor(this.#system.wallClock()) + LIFETIME_MS
    return { key: `${expiresAt.toString(36)}.${this.#macOf(torrentId, expiresAt)}`, expiresAt }
  }

  opens(torrentId: string, key: string): boolean {
    const [, time, mac] = /^([0-9a-z]{1,11})\.([\w-]{32})$/.exec(key) ?? []
    if (time === undefined || mac === undefined) return false
    const expiresAt = Number.parseInt(time, 36)
    return (
      timingSafeEqual(Buffer.from(mac), Buffer.from(this.#macOf(torrentId, expiresAt))) && Math.floor(this.#system.wallClock()) < expiresAt
    )
  }

  #macOf(torrentId: string, expiresAt: number): string {
    return createHmac('sha256', this.#token).update(`play ${torrentId} ${expiresAt}`).digest('base64url').slice(0, MAC_CHARACTERS)
  }
}
