import * as daemonApi from '@shoal/api/daemon-api'
import { DaemonFacts, DaemonSettings, DaemonSettingsChange, HistoryPoint } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import { apiPage } from '@shoal/door/api-page'
import { escapeHtml, htmlPage, PAGE_POLICY } from '@shoal/door/html'
import { listOf } from '@shoal/door/list-reply'
import { openApiOf } from '@shoal/door/openapi'
import { RawReply } from '@shoal/door/route'
import { SchemaNames } from '@shoal/door/schema-names'
import Type from 'typebox'
import type { TorrentDesk } from '../daemon/peer-desk.ts'
import { type DaemonRoute, route } from './daemon-route.ts'

/** The process around the desk. */
export interface DaemonSelf {
  readonly version: string
  readonly isClosing: boolean
  /** Begins a graceful stop. */
  stop(): void
  onSettings(): void
}

const TEXT = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
const NAMES = new SchemaNames(daemonApi)
const PROOFS = {
  token: { type: 'http', scheme: 'bearer', description: "What stands in the file `token` of the daemon's folder" },
} as const

/**
 * The daemon about itself.
 *
 * @param others all other routes: what the description of the API describes
 */
export function daemonRoutes(desk: TorrentDesk, self: DaemonSelf, others: readonly DaemonRoute[]): DaemonRoute[] {
  const own: DaemonRoute[] = [
    route({
      method: 'GET',
      url: '/v1/daemon',
      summary: 'Version, process, rates and totals',
      needs: 'peer:use',
      reply: DaemonFacts,
      handle: () => desk.showFacts(),
    }),
    route({
      method: 'POST',
      url: '/v1/daemon/stop',
      summary: 'Stops the daemon: everything is put in order, then its process ends',
      needs: 'peer:use',
      isIdempotent: false,
      status: 202,
      handle: () => {
        self.stop()
        return undefined
      },
    }),
    route({
      method: 'GET',
      url: '/v1/settings',
      summary: 'The settings',
      needs: 'peer:use',
      reply: DaemonSettings,
      handle: () => desk.readSettings(),
    }),
    route({
      method: 'PATCH',
      url: '/v1/settings',
      summary: 'Changes settings; what is not named stays',
      needs: 'peer:use',
      body: DaemonSettingsChange,
      reply: DaemonSettings,
      handle: async ({ body }) => {
        const settings = await desk.changeSettings(body)
        self.onSettings()
        return settings
      },
    }),
    route({
      method: 'GET',
      url: '/v1/history',
      summary: 'What was down- and uploaded: a point a minute for a day, or one an hour for a year',
      needs: 'peer:use',
      query: Type.Object(
        { span: Type.Optional(Type.Unsafe<'day' | 'year'>(Type.String({ enum: ['day', 'year'] }))) },
        { additionalProperties: false },
      ),
      reply: listOf(HistoryPoint),
      handle: async ({ query }) => ({ items: [...(await desk.readHistory(query.span ?? 'day'))] }),
    }),
    route({
      method: 'GET',
      url: '/healthz',
      summary: 'The process answers',
      needs: 'public',
      handle: () => new RawReply(TEXT, 'ok\n'),
    }),
    route({
      method: 'GET',
      url: '/readyz',
      summary: 'The daemon can work, and is not stopping (else 503)',
      needs: 'public',
      handle: () => {
        if (self.isClosing) throw new ProblemError('BUSY', 'The daemon is stopping')
        return new RawReply(TEXT, 'ready\n')
      },
    }),
    route({
      method: 'GET',
      url: '/',
      summary: 'What this is, for people',
      needs: 'public',
      handle: () => page(frontPage(self.version)),
    }),
    route({
      method: 'GET',
      url: '/v1/openapi.json',
      summary: 'This API as OpenAPI 3.1',
      needs: 'public',
      handle: ({ origin }) =>
        new RawReply(
          'application/json; charset=utf-8',
          JSON.stringify(openApiOf(all, { title: 'Shoal peer', version: self.version, origin, names: NAMES, proofs: PROOFS })),
          { 'cache-control': 'no-cache' },
        ),
    }),
    route({
      method: 'GET',
      url: '/docs/api',
      summary: 'This API for people',
      needs: 'public',
      handle: () => page(apiPage(all, { name: 'daemon', version: self.version, names: NAMES })),
    }),
  ]
  const all = [...own, ...others]
  return own
}

function frontPage(version: string): string {
  return htmlPage(
    'Shoal',
    `<h1>Shoal</h1>
<p>The peer of this machine, version ${escapeHtml(version)}. It is driven from a terminal:</p>
<pre>shoal</pre>
<p>or by programs: <a href="docs/api">the API</a>.</p>`,
  )
}

function page(html: string): RawReply {
  return new RawReply(HTML, html, { 'content-security-policy': PAGE_POLICY, 'cache-control': 'no-cache' })
}
