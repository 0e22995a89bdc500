import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { FileEntry } from '@shoal/api/hub-api'
import { type ReadElement, readXml } from '../../test/read-xml.ts'
import { capsDocument, type Feed, feedDocument, torznabError } from './feed.ts'

const ENTRY: FileEntry = {
  id: 'x',
  name: 'lecture-04.mp4',
  infoHash: '0123456789abcdef0123456789abcdef01234567',
  size: 734_003_200,
  pieceLength: 524_288,
  pieceCount: 1_400,
  fileCount: 1,
  isPrivate: false,
  description: 'The fourth',
  tags: ['class 4b', 'video'],
  host: { id: 'h', name: 'SECRET-PEER', isOnline: true, ip: '10.9.8.7', port: 6881 },
  owner: { id: 'a', name: 'SECRET-OWNER' },
  localPath: '/SECRET/PATH',
  publishedAt: Date.UTC(2026, 10, 25, 8),
  availability: { seeds: 3, leechers: 1, holders: 0, rarestCopies: 3, distributedCopies: 3 },
}

function feed(changes: Partial<Feed> = {}): Feed {
  return {
    title: 'class.example: lecture',
    link: 'http://class.example/',
    selfLink: 'http://class.example/rss/KEY?q=lecture',
    entries: [ENTRY],
    downloadLink: ({ infoHash }) => `http://class.example/rss/KEY/torrents/${infoHash}.torrent`,
    ...changes,
  }
}

function fixture(name: string): string {
  return readFileSync(new URL(`../../../../fixtures/feeds/${name}`, import.meta.url), 'utf8')
}

/** As qBittorrent's readers look for things in an item: the feed reader, and the search plug-in for Torznab. */
function asQbittorrentReads(item: ReadElement) {
  const child = (name: string) => item.children.find((each) => each.name === name)
  const attr = (name: string) =>
    item.children.find((each) => each.name === 'torznab:attr' && each.attributes.name === name)?.attributes.value
  return {
    title: child('title')?.text,
    torrentUrl: child('enclosure')?.attributes.type === 'application/x-bittorrent' ? child('enclosure')?.attributes.url : undefined,
    guid: child('guid')?.text,
    link: attr('magneturl') ?? child('link')?.text,
    size: child('size')?.text,
    seeds: Number(attr('seeders')),
    leechers: Number(attr('peers')) - Number(attr('seeders')),
    date: /^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}$/.test(child('pubDate')?.text ?? ''),
  }
}

describe('feeds', () => {
  test('a feed is as recorded', () => assert.equal(feedDocument(feed()), fixture('rss.xml')))
  test('the capabilities are as recorded', () => assert.equal(capsDocument('class.example', { max: 100, usual: 50 }), fixture('caps.xml')))

  test('qBittorrent finds what it looks for', () => {
    const [item] = readXml(feedDocument(feed())).children[0]!.children.filter(({ name }) => name === 'item')
    assert.deepEqual(asQbittorrentReads(item!), {
      title: 'lecture-04.mp4',
      torrentUrl: `http://class.example/rss/KEY/torrents/${ENTRY.infoHash}.torrent`,
      guid: ENTRY.infoHash,
      link: `http://class.example/rss/KEY/torrents/${ENTRY.infoHash}.torrent`,
      size: '734003200',
      seeds: 3,
      leechers: 1,
      date: true,
    })
  })

  test('nothing tells who shares it', () => assert.doesNotMatch(feedDocument(feed()), /SECRET|10\.9\.8\.7|6881/))

  test('hostile names come through as they are, and break nothing', () => {
    const names = [
      '<script>alert(1)</script>',
      ']]>&amp;&#0;"\'<![CDATA[',
      'line\nbreak\ttab\u0000nul\u001b[31m',
      'lone \ud800 surrogate \uffff',
      'Bài giảng 机器学习 🐟',
      '</title><enclosure url="http://evil.example/"/>',
      '',
    ]
    for (const name of names) {
      const [item] = readXml(
        feedDocument(feed({ entries: [{ ...ENTRY, name, description: name, tags: [name] }], title: name })),
      ).children[0]!.children.filter((child) => child.name === 'item')
      const possible = name.replace(/[^\P{Cc}\t\n\r]|\uffff|\p{Cs}/gu, '')
      assert.equal(item!.children.find((child) => child.name === 'title')!.text, possible)
      assert.equal(item!.children.find((child) => child.name === 'description')!.text, possible)
      assert.equal(item!.children.filter((child) => child.name === 'enclosure').length, 1)
    }
  })

  test('a range and magnet links are there when they are given', () => {
    const root = readXml(feedDocument(feed({ range: { offset: 10, total: 11 }, magnetLink: () => 'magnet:?xt=urn:btih:x&dn=y' })))
    const channel = root.children[0]!
    assert.deepEqual(channel.children.find((child) => child.name === 'torznab:response')?.attributes, { offset: '10', total: '11' })
    const item = channel.children.find((child) => child.name === 'item')!
    assert.equal(asQbittorrentReads(item).link, 'magnet:?xt=urn:btih:x&dn=y')
  })

  test('a refusal is one element', () => {
    assert.deepEqual(readXml(torznabError(100, 'who <are> you?')), {
      name: 'error',
      attributes: { code: '100', description: 'who <are> you?' },
      children: [],
      text: '',
    })
  })
})
