/** The addresses a torrent or a magnet link brings along: trackers (BEP 12) and web seeds (BEP 19). */

import { utf8Length } from '../bytes.ts'

const TRACKER_SCHEMES: readonly string[] = ['http:', 'https:', 'udp:', 'ws:', 'wss:']
const WEB_SEED_SCHEMES: readonly string[] = ['http:', 'https:']
const MAX_URL_BYTES = 2048
/** More addresses than this are nobody's trackers but work for us. */
export const MAX_TRACKERS = 100
export const MAX_WEB_SEEDS = 100

export function isTrackerUrl(url: string): boolean {
  return isUrl(url, TRACKER_SCHEMES)
}

export function isWebSeedUrl(url: string): boolean {
  return isUrl(url, WEB_SEED_SCHEMES)
}

/**
 * `scheme://host…` in visible characters. Whoever connects parses it properly; this only keeps out what is no address,
 * and what would steer a terminal that shows it.
 */
function isUrl(url: string, schemes: readonly string[]): boolean {
  const colon = url.indexOf(':')
  const isKnown = schemes.includes(url.slice(0, colon + 1).toLowerCase())
  return isKnown && /^\/\/[^\s\p{C}/?#]/u.test(url.slice(colon + 1)) && !/[\s\p{C}]/u.test(url) && utf8Length(url) <= MAX_URL_BYTES
}

/** Tiers without what is no tracker, what is there already, and what is too much; a warning for each kind of loss. */
export function cleanTiers(tiers: readonly (readonly string[])[], warnings: string[]): string[][] {
  const seen = new Set<string>()
  let refusedCount = 0
  let surplusCount = 0
  const clean = tiers.map((tier) =>
    tier.filter((url) => {
      if (!isTrackerUrl(url)) {
        if (url !== '') refusedCount++
        return false
      }
      if (seen.has(url)) return false
      if (seen.size === MAX_TRACKERS) {
        surplusCount++
        return false
      }
      seen.add(url)
      return true
    }),
  )
  if (refusedCount > 0) warnings.push(`${refusedCount} trackers are no http, https, udp, ws or wss addresses: left out`)
  if (surplusCount > 0) warnings.push(`${surplusCount} trackers are more than the ${MAX_TRACKERS} that a torrent may have: left out`)
  return clean.filter((tier) => tier.length > 0)
}

export function cleanWebSeeds(urls: readonly string[], warnings: string[]): string[] {
  const seen = new Set<string>()
  let refusedCount = 0
  for (const url of urls) {
    if (isWebSeedUrl(url) && (seen.size < MAX_WEB_SEEDS || seen.has(url))) seen.add(url)
    else if (url !== '') refusedCount++
  }
  if (refusedCount > 0) warnings.push(`${refusedCount} web seeds are no http or https addresses, or more than ${MAX_WEB_SEEDS}: left out`)
  return [...seen]
}
