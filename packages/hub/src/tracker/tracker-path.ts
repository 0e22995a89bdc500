/** What a path of the tracker asks for, and with whose key. */
export interface TrackerPath {
  readonly action: 'announce' | 'scrape'
  /** Undefined on the open path; empty when what stands in its place cannot be a key. */
  readonly announceKey: string | undefined
}

const ANNOUNCE: TrackerPath = { action: 'announce', announceKey: undefined }
const SCRAPE: TrackerPath = { action: 'scrape', announceKey: undefined }
const KEYED = /^\/a\/([^/]*)\/(announce|scrape)$/
const KEY = /^[A-Za-z0-9_-]{8,128}$/

/**
 * `/announce`, `/scrape` and, with the announce key of a member, `/a/<key>/announce` and `/a/<key>/scrape`. Nothing is decoded
 * or made even before it is compared, so no two spellings lead to one place.
 *
 * @returns undefined for any other path
 */
export function trackerPathOf(path: string): TrackerPath | undefined {
  if (path === '/announce') return ANNOUNCE
  if (path === '/scrape') return SCRAPE
  if (!path.startsWith('/a/')) return undefined
  const [, announceKey, action] = KEYED.exec(path) ?? []
  if (announceKey === undefined || (action !== 'announce' && action !== 'scrape')) return undefined
  return { action, announceKey: KEY.test(announceKey) ? announceKey : '' }
}

/** The announce key in what a UDP client sends of its URL (BEP 41). */
export function announceKeyIn(urlData: string | undefined): string | undefined {
  if (urlData === undefined) return undefined
  const queryMark = urlData.indexOf('?')
  const path = queryMark < 0 ? urlData : urlData.slice(0, queryMark)
  return trackerPathOf(path)?.announceKey
}
