import { NewFile, PublishedFile } from '@shoal/api/hub-api'
import { invalidField } from '@shoal/door/invalid-field'
import { ProtocolError } from '@shoal/protocol/errors'
import { infoHashHex, toInfoHash } from '@shoal/protocol/info-hash'
import Type from 'typebox'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { SwarmCounts } from '../catalogue/catalogue-needs.ts'
import { UPLOAD_BODY_BYTES } from './file-routes.ts'
import { type HubRoute, route } from './route.ts'
import { type AnnounceUrls, torrentReply } from './torrent-reply.ts'

/** What the tracker knows of who announces. */
export interface SwarmPeers extends SwarmCounts {
  /** Some of the peers, drawn as for an announce. @param infoHash 40 hex digits */
  endpointsOf(infoHash: string, most: number): readonly { readonly ip: string; readonly port: number }[]
}

interface FoundingNeeds {
  readonly catalogue: Catalogue
  readonly accounts: AnnounceUrls
  readonly swarms: SwarmPeers
}

const MAX_PEERS_TOLD = 200
const closed = { additionalProperties: false } as const
const InfoHashText = Type.String({ minLength: 32, maxLength: 40, description: '40 hex digits, or 32 of base32' })

/** The addresses that the founding documents use, for the same things. */
export function foundingTorrentRoutes({ catalogue, accounts, swarms }: FoundingNeeds): HubRoute[] {
  return [
    route({
      method: 'POST',
      url: '/announce/upload',
      summary: 'Publishes a .torrent: as a form (file `torrent`), as the body itself, or as JSON',
      needs: 'files:publish',
      body: NewFile,
      bodyLimit: UPLOAD_BODY_BYTES,
      takesForms: true,
      reply: PublishedFile,
      status: 201,
      limit: 'upload',
      handle: ({ body, caller }) => catalogue.upload(caller, body),
    }),
    route({
      method: 'GET',
      url: '/announce/download',
      summary: 'The .torrent file of an info hash, or of a name',
      needs: 'files:download',
      query: Type.Object(
        { info_hash: Type.Optional(InfoHashText), name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })) },
        closed,
      ),
      handle: async ({ query, caller, origin }) => {
        const { info_hash, name } = query
        if ((info_hash === undefined) === (name === undefined)) throw invalidField('info_hash', 'Give an info_hash or a name, and not both')
        const infoHash = info_hash === undefined ? await catalogue.infoHashOf(name!, caller) : hashOf(info_hash)
        return await torrentReply(catalogue, infoHash, await accounts.announceUrls(caller.accountId, origin))
      },
    }),
    route({
      method: 'GET',
      url: '/peers',
      summary: 'Who announces a torrent: addresses for members, counts for guests',
      needs: 'files:read',
      query: Type.Object({ info_hash: InfoHashText }, closed),
      reply: Type.Object({
        info_hash: Type.String(),
        complete: Type.Integer({ minimum: 0 }),
        incomplete: Type.Integer({ minimum: 0 }),
        peers: Type.Array(Type.Object({ ip: Type.String(), port: Type.Integer() })),
      }),
      handle: ({ query, caller }) => {
        const infoHash = hashOf(query.info_hash)
        const { seeds, leechers } = swarms.countsOf(infoHash)
        const peers = caller.may('peers:read') ? swarms.endpointsOf(infoHash, MAX_PEERS_TOLD) : []
        return { info_hash: infoHash, complete: seeds, incomplete: leechers, peers: peers.map(({ ip, port }) => ({ ip, port })) }
      },
    }),
  ]
}

function hashOf(text: string): string {
  try {
    return infoHashHex(toInfoHash(text))
  } catch (error) {
    if (error instanceof ProtocolError) throw invalidField('info_hash', error.message)
    throw error
  }
}
