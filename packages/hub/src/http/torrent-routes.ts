import { InfoHashHex, MagnetLink, PieceHolders, TorrentFacts, TorrentFilePage } from '@shoal/api/hub-api'
import Type from 'typebox'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { type HubRoute, route } from './route.ts'
import { type AnnounceUrls, torrentReply } from './torrent-reply.ts'

const ByInfoHash = Type.Object({ infoHash: InfoHashHex })

/** One content, whoever shares it. */
export function torrentRoutes(catalogue: Catalogue, accounts: AnnounceUrls): HubRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/torrents/:infoHash',
      summary: 'What a torrent is, how well it is held, and who shares it under which names',
      needs: 'files:read',
      params: ByInfoHash,
      reply: TorrentFacts,
      handle: ({ params, caller }) => catalogue.shelf.facts(params.infoHash, caller),
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:infoHash/file',
      summary: 'The .torrent file, with the trackers of this hub and the key of whoever asks',
      needs: 'files:download',
      params: ByInfoHash,
      handle: async ({ params, caller, origin }) =>
        torrentReply(catalogue, params.infoHash, await accounts.announceUrls(caller.accountId, origin)),
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:infoHash/magnet',
      summary: 'A magnet link; with `withKey`, one that works for whoever asks and is not to be shown around',
      needs: 'files:download',
      params: ByInfoHash,
      query: Type.Object({ withKey: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
      reply: MagnetLink,
      handle: async ({ params, query, caller, origin }) => {
        const announceUrls = await accounts.announceUrls(query.withKey === true ? caller.accountId : undefined, origin)
        return { magnet: await catalogue.shelf.magnet(params.infoHash, announceUrls) }
      },
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:infoHash/pieces',
      summary: 'Who has which pieces, and how many copies there are',
      needs: 'files:read',
      params: ByInfoHash,
      reply: PieceHolders,
      handle: ({ params, caller }) => catalogue.shelf.holders(params.infoHash, caller),
    }),
    route({
      method: 'GET',
      url: '/v1/torrents/:infoHash/files',
      summary: 'The files inside, in the order of the torrent',
      needs: 'files:read',
      params: ByInfoHash,
      query: Type.Object(
        {
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
          cursor: Type.Optional(Type.String({ maxLength: 100 })),
        },
        { additionalProperties: false },
      ),
      reply: TorrentFilePage,
      handle: ({ params, query }) => catalogue.shelf.filesIn(params.infoHash, query),
    }),
  ]
}
