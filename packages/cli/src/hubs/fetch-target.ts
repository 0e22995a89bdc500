import type { KnownHub } from './known-hub.ts'

/** What somebody wants to fetch, by the form of the words. */
export type FetchTarget =
  | { readonly kind: 'name'; readonly name: string }
  /** A page or file of a hub that this peer knows. */
  | { readonly kind: 'entry'; readonly hub: KnownHub; readonly idOrName: string }
  | { readonly kind: 'content'; readonly hub: KnownHub | undefined; readonly infoHash: string }
  /** A magnet link, an info hash, or the address of a .torrent: no hub is needed. */
  | { readonly kind: 'link'; readonly link: string }
  /** It looks like the page of a hub that this peer does not know. */
  | { readonly kind: 'foreign'; readonly origin: string }

export function fetchTarget(what: string, hubs: Iterable<KnownHub>): FetchTarget {
  const text = what.trim()
  if (/^magnet:\?/i.test(text)) return { kind: 'link', link: text }
  if (/^[0-9a-f]{40}$/i.test(text)) return { kind: 'content', hub: undefined, infoHash: text.toLowerCase() }
  if (/^[a-z2-7]{32}$/i.test(text) && /[2-7]/.test(text)) return { kind: 'link', link: text }
  if (!/^https?:\/\//i.test(text)) return { kind: 'name', name: text }
  const url = URL.parse(text)
  if (url === null) return { kind: 'name', name: text }
  const address = `${url.origin}${url.pathname}`
  for (const hub of hubs) {
    if (!address.startsWith(`${hub.url}/`)) continue
    const path = address.slice(hub.url.length)
    const [, entry] = /^\/(?:s|v1\/files)\/([^/]+)\/?$/.exec(path) ?? []
    if (entry !== undefined) return { kind: 'entry', hub, idOrName: decoded(entry) }
    const [, infoHash] = /^\/v1\/torrents\/([0-9a-f]{40})(?:\/file)?\/?$/i.exec(path) ?? []
    if (infoHash !== undefined) return { kind: 'content', hub, infoHash: infoHash.toLowerCase() }
  }
  const [, prefix] = /^(.*)\/(?:s|v1\/files)\/[^/]+\/?$/.exec(address) ?? []
  if (prefix !== undefined && !url.pathname.endsWith('.torrent')) return { kind: 'foreign', origin: prefix }
  return { kind: 'link', link: text }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
