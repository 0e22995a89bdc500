import { FileChange, FileEntry, FileListQuery, FilePage, NewFile, PublishedFile, TagCount } from '@shoal/api/hub-api'
import Type from 'typebox'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { type HubRoute, route } from './route.ts'

/** A .torrent of 10 MiB in base64, and what is around it. */
export const UPLOAD_BODY_BYTES: number = 15 << 20

const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })

/** Entries of the catalogue. */
export function fileRoutes(catalogue: Catalogue): HubRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/files',
      summary: 'Lists and searches files. An exact `name` that nobody has is NOT_FOUND, with close names',
      needs: 'files:read',
      query: FileListQuery,
      reply: FilePage,
      handle: ({ query, caller }) => catalogue.list(query, caller),
    }),
    route({
      method: 'POST',
      url: '/v1/files',
      summary: 'Publishes a .torrent without saying who has the content',
      needs: 'files:publish',
      body: NewFile,
      bodyLimit: UPLOAD_BODY_BYTES,
      takesForms: true,
      reply: PublishedFile,
      status: 201,
      limit: 'upload',
      handle: async (call) => {
        const file = await catalogue.upload(call.caller, call.body)
        call.setHeader('location', `/v1/files/${file.id}`)
        return file
      },
    }),
    route({
      method: 'GET',
      url: '/v1/files/:id',
      summary: 'One file',
      needs: 'files:read',
      params: ById,
      reply: FileEntry,
      handle: ({ params, caller }) => catalogue.entry(params.id, caller),
    }),
    route({
      method: 'PATCH',
      url: '/v1/files/:id',
      summary: 'Changes name, description or tags of one’s own file; moderators, of any',
      needs: 'files:publish',
      params: ById,
      body: FileChange,
      reply: FileEntry,
      handle: ({ params, body, caller }) => catalogue.change(caller, params.id, body),
    }),
    route({
      method: 'DELETE',
      url: '/v1/files/:id',
      summary: 'Withdraws one’s own file; moderators, any',
      needs: 'files:publish',
      params: ById,
      handle: async ({ params, caller }) => {
        await catalogue.remove(caller, params.id)
        return undefined
      },
    }),
    route({
      method: 'GET',
      url: '/v1/tags',
      summary: 'Tags, with how many files have them; the most used first',
      needs: 'files:read',
      reply: Type.Object({ items: Type.Array(TagCount) }),
      handle: async () => ({ items: await catalogue.tags() }),
    }),
  ]
}
