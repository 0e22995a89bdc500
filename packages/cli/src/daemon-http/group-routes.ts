import { ConnectHub, Fetch, HubItem, HubSignIn, Publication, Publish, TorrentItem } from '@shoal/api/daemon-api'
import { FILE_NAME_CHARACTERS, FileListQuery, FilePage, InfoHashHex, PeerAddress, PeerEntry, PieceHolders, Ping } from '@shoal/api/hub-api'
import { listOf } from '@shoal/door/list-reply'
import Type from 'typebox'
import type { HubDesk } from '../daemon/peer-desk.ts'
import { type DaemonRoute, route } from './daemon-route.ts'

/** A hub in the address: its id. */
const byHub = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) })

/** Hubs, and what is done with the groups that meet there. */
export function groupRoutes(desk: HubDesk): DaemonRoute[] {
  return [...hubRoutes(desk), ...sharingRoutes(desk), ...passedRoutes(desk)]
}

function hubRoutes(desk: HubDesk): DaemonRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/hubs',
      summary: 'The hubs that this peer knows',
      needs: 'peer:use',
      reply: listOf(HubItem),
      handle: async () => ({ items: [...(await desk.listHubs())] }),
    }),
    route({
      method: 'POST',
      url: '/v1/hubs',
      summary: 'Connects to a hub, and stays connected',
      needs: 'peer:use',
      body: ConnectHub,
      reply: HubItem,
      status: 201,
      handle: ({ body }) => desk.connectHub(body),
    }),
    route({
      method: 'DELETE',
      url: '/v1/hubs/:id',
      summary: 'Leaves a hub, and forgets it',
      needs: 'peer:use',
      params: byHub,
      handle: async ({ params }) => {
        await desk.forgetHub(params.id)
        return undefined
      },
    }),
    route({
      method: 'POST',
      url: '/v1/hubs/:id/session',
      summary: 'Signs in there',
      needs: 'peer:use',
      params: byHub,
      body: HubSignIn,
      reply: HubItem,
      handle: ({ params, body }) => desk.signIn(params.id, body),
    }),
    route({
      method: 'DELETE',
      url: '/v1/hubs/:id/session',
      summary: 'Signs out',
      needs: 'peer:use',
      params: byHub,
      reply: HubItem,
      handle: ({ params }) => desk.signOut(params.id),
    }),
    route({
      method: 'POST',
      url: '/v1/hubs/:id/account',
      summary: 'Makes an account there, and signs in',
      needs: 'peer:use',
      params: byHub,
      body: HubSignIn,
      reply: HubItem,
      status: 201,
      handle: ({ params, body }) => desk.register(params.id, body),
    }),
  ]
}

function sharingRoutes(desk: HubDesk): DaemonRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/publications',
      summary: 'What this peer has published, and whether it may leave',
      needs: 'peer:use',
      reply: listOf(Publication),
      handle: async () => ({ items: [...(await desk.listPublications())] }),
    }),
    route({
      method: 'POST',
      url: '/v1/publications',
      summary: 'Makes a torrent, publishes it on a hub, and shares. Answers when the hub has it',
      needs: 'peer:use',
      body: Publish,
      reply: Publication,
      status: 201,
      handle: ({ body }) => desk.publish(body),
    }),
    route({
      method: 'DELETE',
      url: '/v1/publications/:hub/:name',
      summary: 'Takes a name back from a hub; the torrent stays here',
      needs: 'peer:use',
      params: Type.Object({ hub: byHub.properties.id, name: Type.String({ minLength: 1, maxLength: FILE_NAME_CHARACTERS }) }),
      handle: async ({ params }) => {
        await desk.unpublish(params.name, params.hub)
        return undefined
      },
    }),
    route({
      method: 'POST',
      url: '/v1/fetches',
      summary: 'Looks a name up and downloads it from all who have it, or from one. Answers when it has begun',
      needs: 'peer:use',
      body: Fetch,
      reply: TorrentItem,
      status: 201,
      handle: ({ body }) => desk.fetch(body),
    }),
  ]
}

/** What a hub says, as its account of this peer may hear it. */
function passedRoutes(desk: HubDesk): DaemonRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/hubs/:id/files',
      summary: 'Lists and searches the files of a hub',
      needs: 'peer:use',
      params: byHub,
      query: FileListQuery,
      reply: FilePage,
      handle: ({ params, query }) => desk.listHubFiles(query, params.id),
    }),
    route({
      method: 'GET',
      url: '/v1/hubs/:id/peers',
      summary: 'The peers that are connected to a hub',
      needs: 'peer:use',
      params: byHub,
      reply: listOf(PeerEntry),
      handle: async ({ params }) => ({ items: [...(await desk.listHubPeers(params.id))] }),
    }),
    route({
      method: 'GET',
      url: '/v1/hubs/:id/pieces',
      summary: 'Who has which pieces of a torrent',
      needs: 'peer:use',
      params: byHub,
      query: Type.Object({ infoHash: InfoHashHex }, { additionalProperties: false }),
      reply: PieceHolders,
      handle: ({ params, query }) => desk.listHolders(query.infoHash, params.id),
    }),
    route({
      method: 'POST',
      url: '/v1/hubs/:id/pings',
      summary: 'Lets a hub measure the way to a peer and back',
      needs: 'peer:use',
      isIdempotent: false,
      params: byHub,
      body: PeerAddress,
      reply: Ping,
      handle: ({ params, body }) => desk.pingPeer(body, params.id),
    }),
  ]
}
