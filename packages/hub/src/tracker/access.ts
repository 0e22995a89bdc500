import { latin1 } from '@shoal/protocol/bytes'
import type { AnnounceRequest, TrackerFailure } from '@shoal/protocol/tracker/announce'

/** Somebody wants to announce, or to scrape one torrent. */
export interface AccessQuestion {
  /** 20 bytes, good until the answer. */
  readonly infoHash: Uint8Array
  /** The secret in the announce URL (`/a/<key>/announce`): as it was sent, or empty when it cannot be one. Never log it. */
  readonly announceKey: string | undefined
  /** What is announced; undefined for a scrape. */
  readonly announce: AnnounceRequest | undefined
}

/** Decides who may use the tracker for what. Asked for every announce and every scraped torrent: it answers at once, from memory. */
export interface AccessPolicy {
  /** @returns why not, in words for the user of the client; undefined when it is fine; `WRONG_KEY` for every key that does not count */
  refusalOf(question: AccessQuestion): TrackerFailure | undefined
  /** An announce that was let in has been counted. For statistics: it must be cheap, and its question is good until it returns. */
  onAnnounced?(question: AccessQuestion): void
}

/** Everybody may share everything: right for a hub that only its group can reach. */
export const OPEN_ACCESS: AccessPolicy = { refusalOf: () => undefined }

/**
 * The one answer to a missing, unknown, revoked or banned announce key, so that nobody learns which it is. Who gets it too often
 * is not looked up any more for a while.
 */
export const WRONG_KEY: TrackerFailure = Object.freeze({
  failureReason: 'This hub is for members, and this is no announce URL of one: use the one that the hub shows you, or ask its owner',
  intervalSeconds: 3_600,
  retryInSeconds: 3_600,
})

export const NOT_LISTED: TrackerFailure = Object.freeze({
  failureReason: 'This hub does not serve this torrent: publish it there first, or ask its owner',
  intervalSeconds: 3_600,
  retryInSeconds: 3_600,
})

/** Only torrents that are on a list, or only those that are not. The list may change at any time. */
export class ListedAccess implements AccessPolicy {
  readonly #mode: 'allow' | 'deny'
  /** Info hashes as latin1. */
  readonly #listed = new Set<string>()

  constructor(mode: 'allow' | 'deny') {
    this.#mode = mode
  }

  get size(): number {
    return this.#listed.size
  }

  /** @param infoHash 20 bytes */
  add(infoHash: Uint8Array): void {
    this.#listed.add(latin1(infoHash))
  }

  delete(infoHash: Uint8Array): void {
    this.#listed.delete(latin1(infoHash))
  }

  refusalOf({ infoHash }: AccessQuestion): TrackerFailure | undefined {
    return this.#listed.has(latin1(infoHash)) === (this.#mode === 'allow') ? undefined : NOT_LISTED
  }
}

/** Who knows the announce keys. */
export interface AnnounceKeys {
  /** Whether the key is one of somebody who may share this torrent now. In a time that does not tell how much of it was right. */
  isGood(announceKey: string, infoHash: Uint8Array): boolean
}

/** Only with the announce key of a member, for announces and scrapes alike; then whatever another policy says. */
export class MembersOnly implements AccessPolicy {
  readonly #keys: AnnounceKeys
  readonly #rest: AccessPolicy

  constructor(keys: AnnounceKeys, rest: AccessPolicy = OPEN_ACCESS) {
    this.#keys = keys
    this.#rest = rest
  }

  refusalOf(question: AccessQuestion): TrackerFailure | undefined {
    const { announceKey, infoHash } = question
    if (announceKey === undefined || announceKey === '' || !this.#keys.isGood(announceKey, infoHash)) return WRONG_KEY
    return this.#rest.refusalOf(question)
  }

  onAnnounced(question: AccessQuestion): void {
    this.#rest.onAnnounced?.(question)
  }
}
