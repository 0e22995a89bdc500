import { Creation, NewCreation } from '@shoal/api/daemon-api'
import { idParams, listOf } from '@shoal/door/list-reply'
import type { TorrentDesk } from '../daemon/peer-desk.ts'
import { type DaemonRoute, route } from './daemon-route.ts'

/** Making torrents of files that are here. */
export function creationRoutes(desk: TorrentDesk): DaemonRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/creations',
      summary: 'Torrents that are being made, or were lately',
      needs: 'peer:use',
      reply: listOf(Creation),
      handle: async () => ({ items: [...(await desk.listCreations())] }),
    }),
    route({
      method: 'POST',
      url: '/v1/creations',
      summary: 'Makes a torrent of a file or folder, and shares it unless told otherwise. Answers when hashing has begun',
      needs: 'peer:use',
      body: NewCreation,
      reply: Creation,
      status: 202,
      handle: async ({ body, setHeader }) => {
        const creation = await desk.startCreation(body)
        setHeader('location', `/v1/creations/${encodeURIComponent(creation.id)}`)
        return creation
      },
    }),
    route({
      method: 'GET',
      url: '/v1/creations/:id',
      summary: 'How far one is',
      needs: 'peer:use',
      params: idParams,
      reply: Creation,
      handle: ({ params }) => desk.showCreation(params.id),
    }),
    route({
      method: 'DELETE',
      url: '/v1/creations/:id',
      summary: 'Gives one up',
      needs: 'peer:use',
      params: idParams,
      reply: Creation,
      handle: ({ params }) => desk.cancelCreation(params.id),
    }),
  ]
}
