import { type FileListQuery as FileListAsk, FileListQuery, FilePage, PeerAddress, PeerEntry, Ping } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import Type from 'typebox'
import { peerEntryOf } from '../control/connected-host.ts'
import type { ControlChannel } from '../control/control-channel.ts'
import type { PeerPings } from '../control/peer-ping.ts'
import { type Caller, type HubRoute, route } from './route.ts'

/** What the catalogue knows of hosts. */
export interface HostFiles {
  countsOf(hostIds: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** The entries of one host, as the caller may see them; `origin` as in `HubCall`. */
  filesOf(hostId: string, query: FileListAsk, caller: Caller, origin: string): Promise<FilePage>
}

/** With this header a peer's own program says which host it is. */
export const HOST_HEADER = 'x-shoal-host'

/** The connected peers (list_peers, ping, discover). */
export function peerRoutes(channel: ControlChannel, pings: PeerPings, files: HostFiles): HubRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/peers',
      summary: 'The peers that are connected',
      needs: 'peers:read',
      reply: Type.Object({ items: Type.Array(PeerEntry) }),
      handle: async () => {
        const hosts = channel.presence.all()
        const counts = await files.countsOf(hosts.map(({ id }) => id))
        return { items: hosts.map((host) => peerEntryOf(host, counts.get(host.id) ?? 0)) }
      },
    }),
    route({
      method: 'GET',
      url: '/v1/peers/:id/files',
      summary: 'What a peer shares',
      needs: 'peers:read',
      params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
      query: FileListQuery,
      reply: FilePage,
      handle: ({ params, query, caller, origin }) => files.filesOf(params.id, query, caller, origin),
    }),
    route({
      method: 'POST',
      url: '/v1/pings',
      summary: 'Measures the way from the hub to a peer and back',
      needs: 'peers:read',
      limit: 'ping',
      isIdempotent: false,
      body: PeerAddress,
      reply: Ping,
      handle: ({ body, caller, header }) => {
        const ip = parseIp(body.ip)
        if (ip === undefined) {
          const detail = 'is an IP address: 192.0.2.1 or 2001:db8::1'
          throw new ProblemError('VALIDATION', `Cannot ping ${JSON.stringify(body.ip)}: ip ${detail}`, {
            errors: [{ field: 'ip', detail }],
          })
        }
        return pings.ping({ ip: formatIp(ip), port: body.port, caller, ownHostId: header(HOST_HEADER) })
      },
    }),
  ]
}
