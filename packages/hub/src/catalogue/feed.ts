import type { FileEntry } from '@shoal/api/hub-api'
import { categoriesOf, TORZNAB_CATEGORIES } from './torznab-categories.ts'
import { type XmlElement, xmlDocument } from './xml.ts'

/**
 * What feed readers and search programs read: RSS 2.0, with the attributes of Torznab beside. In it is what a file is and
 * how well it is held; never who shares it, from where, or under which path.
 */
export interface Feed {
  readonly title: string
  /** Of the hub's page. */
  readonly link: string
  /** Of the feed itself; with the reader's key, so shown to nobody else. */
  readonly selfLink: string
  readonly entries: readonly FileEntry[]
  downloadLink(entry: FileEntry): string
  /** Only for a reader who may announce without a key: a magnet link gets around. */
  magnetLink?(entry: FileEntry): string
  /** Where the entries stand among all; Torznab only. */
  readonly range?: { readonly offset: number; readonly total: number }
}

const TORZNAB_NAMESPACE = 'http://torznab.com/schemas/2015/feed'
const ATOM_NAMESPACE = 'http://www.w3.org/2005/Atom'
/** How soon a reader may come again. */
const TTL_MINUTES = 15

export function feedDocument(feed: Feed): string {
  const head: XmlElement[] = [
    { name: 'atom:link', attributes: { href: feed.selfLink, rel: 'self', type: 'application/rss+xml' } },
    { name: 'title', content: feed.title },
    { name: 'description', content: 'Files that a group shares with BitTorrent' },
    { name: 'link', content: feed.link },
    { name: 'ttl', content: TTL_MINUTES },
  ]
  const range: XmlElement[] = feed.range === undefined ? [] : [{ name: 'torznab:response', attributes: { ...feed.range } }]
  return xmlDocument({
    name: 'rss',
    attributes: { version: '2.0', 'xmlns:atom': ATOM_NAMESPACE, 'xmlns:torznab': TORZNAB_NAMESPACE },
    content: [{ name: 'channel', content: [...head, ...range, ...feed.entries.map((entry) => itemOf(entry, feed))] }],
  })
}

function itemOf(entry: FileEntry, feed: Feed): XmlElement {
  const link = feed.downloadLink(entry)
  const { seeds, leechers } = entry.availability
  const categories = categoriesOf(entry.tags)
  const attributes: [string, string | number][] = [
    ...categories.map(({ id }): [string, number] => ['category', id]),
    ['size', entry.size],
    ['files', entry.fileCount],
    ['seeders', seeds],
    ['leechers', leechers],
    ['peers', seeds + leechers],
    ['infohash', entry.infoHash],
    // What is fetched here is never counted against anybody.
    ['downloadvolumefactor', 0],
    ['uploadvolumefactor', 1],
    ['minimumratio', 0],
    ['minimumseedtime', 0],
    ...entry.tags.map((tag): [string, string] => ['tag', tag]),
    ...(feed.magnetLink === undefined ? [] : [['magneturl', feed.magnetLink(entry)] satisfies [string, string]]),
  ]
  return {
    name: 'item',
    content: [
      { name: 'title', content: entry.name },
      // Equal content of two hosts is one download, and readers show it once.
      { name: 'guid', attributes: { isPermaLink: 'false' }, content: entry.infoHash },
      { name: 'link', content: link },
      { name: 'pubDate', content: rfc822(entry.publishedAt) },
      { name: 'size', content: entry.size },
      ...(entry.description === undefined ? [] : [{ name: 'description', content: entry.description }]),
      ...categories.map(({ id }) => ({ name: 'category', content: id })),
      // Readers take the length for that of the content, as other indexers write it.
      { name: 'enclosure', attributes: { url: link, length: entry.size, type: 'application/x-bittorrent' } },
      ...attributes.map(([name, value]) => ({ name: 'torznab:attr', attributes: { name, value } })),
    ],
  }
}

/** With the zone in digits: some readers know no names of zones. */
function rfc822(moment: number): string {
  return new Date(moment).toUTCString().replace('GMT', '+0000')
}

export interface TorznabLimits {
  readonly max: number
  readonly usual: number
}

/** The answer to `t=caps`. */
export function capsDocument(title: string, { max, usual }: TorznabLimits): string {
  const search = (name: string, supportedParams: string): XmlElement => ({ name, attributes: { available: 'yes', supportedParams } })
  return xmlDocument({
    name: 'caps',
    content: [
      { name: 'server', attributes: { title } },
      { name: 'limits', attributes: { max, default: usual } },
      { name: 'registration', attributes: { available: 'no', open: 'no' } },
      {
        name: 'searching',
        content: [
          search('search', 'q'),
          search('tv-search', 'q,season,ep'),
          search('movie-search', 'q,year'),
          search('music-search', 'q,artist,album'),
          search('audio-search', 'q,artist,album'),
          search('book-search', 'q,title,author'),
        ],
      },
      { name: 'categories', content: TORZNAB_CATEGORIES.map(({ id, name }) => ({ name: 'category', attributes: { id, name } })) },
      { name: 'tags' },
    ],
  })
}

/** Torznab's own way to refuse: programs read the code. */
export function torznabError(code: number, description: string): string {
  return xmlDocument({ name: 'error', attributes: { code, description } })
}
