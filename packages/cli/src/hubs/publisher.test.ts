import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { TorrentItem } from '@shoal/api/daemon-api'
import { ProblemError, problemOf } from '@shoal/api/problem'
import { SimSystem } from '@shoal/engine/simulation'
import { FakeControl } from '../../test/fake-control.ts'
import type { TorrentShelf } from '../daemon/torrent-shelf.ts'
import { newHubState } from './hub-state.ts'
import { PeerHubs } from './peer-hubs.ts'

/** No port that a call is ever made to. */
const URL = 'http://127.0.0.1:1'

/** A peer that knows one hub already, and whose torrents are only names. */
async function world(context: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'shoal-publisher-'))
  const opened: PeerHubs[] = []
  context.after(async () => {
    // what is written down must be, before its folder goes
    for (const hubs of opened) await hubs.close()
    rmSync(root, { recursive: true })
  })
  const folder = join(root, 'peer')
  mkdirSync(folder)
  const system = new SimSystem({ seed: 'publisher' })
  const memory = { url: URL, name: 'class', announceUrls: [`${URL}/k/secret/announce`], openUrls: [`${URL}/announce`] }
  const hub = { ...memory, isMembersOnly: false, mayPublish: true, fetched: [] }
  writeFileSync(join(folder, 'hubs.json'), JSON.stringify({ ...newHubState(system.randomBytes(32)), hubs: [hub], defaultHub: URL }))
  const torrents = new Map<string, Uint8Array>()
  const notices: string[] = []
  const shelf: Pick<TorrentShelf, 'place' | 'find' | 'metainfoOf' | 'piecesOf' | 'copiesElsewhere' | 'setPublications' | 'onChange'> = {
    place: async ({ metainfo }) => {
      const id = `torrent ${torrents.size}`
      torrents.set(id, metainfo)
      return { id } as TorrentItem
    },
    find: () => (torrents.size > 0 ? ({} as TorrentItem) : undefined),
    metainfoOf: async () => [...torrents.values()][0],
    piecesOf: () => undefined,
    copiesElsewhere: () => 0,
    setPublications: () => undefined,
    onChange: () => () => undefined,
  }
  const desk = {
    removeTorrent: async () => {
      torrents.clear()
      return { id: '', name: '', downloaded: 0, uploaded: 0 }
    },
  }
  const control = new FakeControl()
  const open = async (): Promise<PeerHubs> => {
    const hubs = await PeerHubs.open({
      folder,
      system,
      shelf: shelf as TorrentShelf,
      torrents: desk as never,
      version: 'Shoal test',
      peerName: () => 'an',
      peerPort: () => 6881,
      emit: () => undefined,
      notice: (text) => void notices.push(text),
      openSocket: control.openSocket,
      callTimeoutMs: 100,
    })
    opened.push(hubs)
    return hubs
  }
  const path = join(root, 'file.bin')
  writeFileSync(path, 'content')
  return { system, control, torrents, notices, path, open, hubs: await open() }
}

/** The hub has got a publication (again). */
async function publishHeard({ system, control }: { system: SimSystem; control: FakeControl }) {
  for (;;) {
    const heard = control.latest.last('publish')
    if (heard !== undefined) return heard
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    await system.run(0)
  }
}

async function comesBack({ system, control }: { system: SimSystem; control: FakeControl }): Promise<void> {
  const before = control.channels.length
  control.latest.end()
  assert.ok(await system.runUntil(() => control.channels.length > before, 60_000))
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
}

describe('Publisher', () => {
  test('sends the torrent without its trackers: there is a key in them', async (context) => {
    const peer = await world(context)
    peer.control.latest.welcome()
    const publishing = peer.hubs.publish({ path: peer.path, tags: ['x'] })
    const { call, torrent, ...said } = await publishHeard(peer)
    peer.control.latest.say({ type: 'done', call, entryId: 'e1' })
    const { isKnown, link } = await publishing
    assert.deepEqual([isKnown, link], [true, `${URL}/s/e1`])
    assert.deepEqual(said, { type: 'publish', name: 'file.bin', localPath: peer.path, tags: ['x'] })
    assert.ok(!Buffer.from(torrent, 'base64').toString('latin1').includes('announce'))
    assert.ok(
      Buffer.from([...peer.torrents.values()][0]!)
        .toString('latin1')
        .includes('/k/secret/announce'),
    )
  })

  test('takes everything back that the hub refuses', async (context) => {
    const peer = await world(context)
    peer.control.latest.welcome()
    const publishing = peer.hubs.publish({ path: peer.path })
    const { call } = await publishHeard(peer)
    peer.control.latest.say({ type: 'refused', call, problem: problemOf(new ProblemError('QUOTA', 'All are in use')) })
    await assert.rejects(publishing, { code: 'QUOTA' })
    assert.deepEqual([(await peer.hubs.listPublications()).length, peer.torrents.size], [0, 0])
  })

  test('does not tell twice what the hub heard and could not answer', async (context) => {
    const peer = await world(context)
    peer.control.latest.welcome()
    const publishing = peer.hubs.publish({ path: peer.path })
    await publishHeard(peer)
    await comesBack(peer)
    const { isKnown, torrentId } = await publishing
    assert.equal(isKnown, false)
    peer.control.latest.welcome([{ name: 'file.bin', infoHash: torrentId }])
    await turns()
    assert.equal((await peer.hubs.listPublications())[0]?.isKnown, true)
    assert.equal(peer.control.latest.last('publish'), undefined)
  })

  test('tells again what the hub has lost, and replaces what it has wrong', async (context) => {
    const peer = await world(context)
    const { torrentId } = await peer.hubs.publish({ path: peer.path })
    peer.control.latest.welcome()
    const first = await publishHeard(peer)
    peer.control.latest.say({ type: 'done', call: first.call })
    await comesBack(peer)
    peer.control.latest.welcome([{ name: 'file.bin', infoHash: 'f'.repeat(40) }])
    await turns()
    const withdraw = peer.control.latest.last('withdraw')
    assert.equal(withdraw?.name, 'file.bin')
    assert.equal(peer.control.latest.last('publish'), undefined)
    peer.control.latest.say({ type: 'done', call: withdraw.call })
    const again = await publishHeard(peer)
    peer.control.latest.say({ type: 'refused', call: again.call, problem: problemOf(new ProblemError('QUOTA', 'All are in use')) })
    await turns()
    assert.match(peer.notices[0] ?? '', /class does not take "file\.bin" again: All are in use/)
    assert.deepEqual(
      (await peer.hubs.listPublications()).map((each) => [each.torrentId, each.isKnown]),
      [[torrentId, false]],
    )
  })

  test('withdraws, as soon as it can, what was unpublished while the hub was away', async (context) => {
    const peer = await world(context)
    await peer.hubs.publish({ path: peer.path })
    await peer.hubs.unpublish('file.bin')
    await peer.hubs.close()
    await peer.open()
    peer.control.latest.welcome([{ name: 'file.bin', infoHash: 'f'.repeat(40) }])
    await turns()
    const withdraw = peer.control.latest.last('withdraw')
    assert.equal(withdraw?.name, 'file.bin')
    peer.control.latest.say({ type: 'refused', call: withdraw.call, problem: problemOf(new ProblemError('NOT_FOUND', 'No')) })
    await turns()
    await comesBack(peer)
    peer.control.latest.welcome()
    await turns()
    assert.equal(peer.control.latest.last('withdraw'), undefined)
  })

  test('shares nothing any more of which the torrent is gone when it starts', async (context) => {
    const peer = await world(context)
    await peer.hubs.publish({ path: peer.path })
    await peer.hubs.close()
    peer.torrents.clear()
    const hubs = await peer.open()
    assert.equal((await hubs.listPublications()).length, 0)
    assert.match(peer.notices[0] ?? '', /withdrawn/)
    peer.control.latest.welcome([{ name: 'file.bin', infoHash: 'f'.repeat(40) }])
    await turns()
    assert.equal(peer.control.latest.last('withdraw')?.name, 'file.bin')
  })
})
