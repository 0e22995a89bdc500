import {
  AddedTorrent,
  AddTorrent,
  LogLine,
  MoveTorrent,
  PeerItem,
  PlayerKey,
  RemoveQuery,
  TORRENT_ACTIONS,
  TorrentChange,
  TorrentDetail,
  TorrentFileItem,
  TorrentItem,
  Totals,
  TrackerItem,
} from '@shoal/api/daemon-api'
import { listOf } from '@shoal/door/list-reply'
import { RawReply } from '@shoal/door/route'
import type { TorrentDesk } from '../daemon/peer-desk.ts'
import { byTorrent, type DaemonRoute, pageOf, pageQuery, route } from './daemon-route.ts'
import type { PlayerKeys } from './player-keys.ts'

/** A .torrent of 10 MiB in base64, and what is around it. */
const ADD_BODY_BYTES = 15 << 20
/** 100,000 files with a priority each. */
const CHANGE_BODY_BYTES = 8 << 20

/** Torrents: what there is, and what is done to them. */
export function torrentRoutes(desk: TorrentDesk, playerKeys: PlayerKeys): DaemonRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/torrents',
      summary: 'All torrents',
      needs: 'peer:use',
      query: pageQuery,
      reply: listOf(TorrentItem),
      handle: async ({ query }) => pageOf(await desk.listTorrents(), query.cursor),
    }),
    route({
      method: 'POST',
      url: '/v1/torrents',
      summary: 'Adds a torrent by its file, a magnet link, an info hash or an address',
      needs: 'peer:use',
      body: AddTorrent,
      bodyLimit: ADD_BODY_BYTES,
      reply: AddedTorrent,
      status: 201,
      handle: async ({ body, setHeader }) => {
        const added = await desk.addTorrent(body)
        setHeader('location', `/v1/torrents/${added.torrent.id}`)
        return added
      },
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:id',
      summary: 'One torrent, with its pieces',
      needs: 'peer:use',
      params: byTorrent,
      reply: TorrentDetail,
      handle: ({ params }) => desk.showTorrent(params.id),
    }),
    route({
      method: 'PATCH',
      url: '/v1/torrents/:id',
      summary: 'Changes name, labels, limits, goals, trackers, priorities, place in the queue',
      needs: 'peer:use',
      params: byTorrent,
      body: TorrentChange,
      bodyLimit: CHANGE_BODY_BYTES,
      reply: TorrentItem,
      handle: ({ params, body }) => desk.changeTorrent(params.id, body),
    }),
    route({
      method: 'DELETE',
      url: '/v1/torrents/:id',
      summary: 'Removes a torrent; its data stays, or goes to the recycle folder. Tells what was down- and uploaded',
      needs: 'peer:use',
      params: byTorrent,
      query: RemoveQuery,
      reply: Totals,
      handle: ({ params, query }) => desk.removeTorrent(params.id, query),
    }),
    ...TORRENT_ACTIONS.map((action) =>
      route({
        method: 'POST',
        url: `/v1/torrents/:id/${action}`,
        summary: ACTION_SUMMARIES[action],
        needs: 'peer:use',
        params: byTorrent,
        reply: TorrentItem,
        handle: ({ params }) => desk.actOnTorrent(params.id, action),
      }),
    ),
    route({
      method: 'POST',
      url: '/v1/torrents/:id/move',
      summary: 'Moves the data to another folder, also on another file system. Answers when it has begun',
      needs: 'peer:use',
      params: byTorrent,
      body: MoveTorrent,
      reply: TorrentItem,
      handle: ({ params, body }) => desk.moveTorrent(params.id, body),
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:id/files',
      summary: 'Its files, with what of them is here',
      needs: 'peer:use',
      params: byTorrent,
      query: pageQuery,
      reply: listOf(TorrentFileItem),
      handle: async ({ params, query }) => pageOf(await desk.listTorrentFiles(params.id), query.cursor),
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:id/peers',
      summary: 'The peers that it is shared with',
      needs: 'peer:use',
      params: byTorrent,
      reply: listOf(PeerItem),
      handle: async ({ params }) => ({ items: [...(await desk.listTorrentPeers(params.id))] }),
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:id/trackers',
      summary: 'Its trackers, and what they said last',
      needs: 'peer:use',
      params: byTorrent,
      reply: listOf(TrackerItem),
      handle: async ({ params }) => ({ items: [...(await desk.listTrackers(params.id))] }),
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:id/log',
      summary: 'What happened to it lately',
      needs: 'peer:use',
      params: byTorrent,
      reply: listOf(LogLine),
      handle: async ({ params }) => ({ items: [...(await desk.readLog(params.id))] }),
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:id/metainfo',
      summary: 'Its .torrent file',
      needs: 'peer:use',
      params: byTorrent,
      handle: async ({ params }) =>
        new RawReply('application/x-bittorrent', await desk.readMetainfo(params.id), {
          'content-disposition': `attachment; filename="${params.id}.torrent"`,
        }),
    }),
    route({
      method: 'POST',
      url: '/v1/torrents/:id/player-keys',
      summary: 'A key with which a player reads the files of this torrent for a day: …/content?key=',
      needs: 'peer:use',
      params: byTorrent,
      reply: PlayerKey,
      status: 201,
      handle: async ({ params }) => {
        await desk.showTorrent(params.id) // refuses what is not here
        return playerKeys.issue(params.id)
      },
    }),
  ]
}

const ACTION_SUMMARIES = {
  pause: 'Stops it until it is resumed',
  resume: 'Lets it go on, when the queue has room',
  recheck: 'Hashes everything again that is on the disk',
  announce: 'Asks its trackers for peers now',
} as const
