import * as hubApi from '@shoal/api/hub-api'
import { HubFacts, HubStats } from '@shoal/api/hub-api'
import { SCOPES } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import { apiPage } from '@shoal/door/api-page'
import { PAGE_POLICY } from '@shoal/door/html'
import { isLoopback } from '@shoal/door/ip-networks'
import { openApiOf } from '@shoal/door/openapi'
import { RawReply } from '@shoal/door/route'
import { SchemaNames } from '@shoal/door/schema-names'
import { parseIp } from '@shoal/protocol/ip-address'
import { entryRoutes } from './entry-pages.ts'
import { frontPageHtml, frontPageText } from './front-page.ts'
import type { Metric, WebMetrics } from './metrics.ts'
import { type HubCall, type HubRoute, route } from './route.ts'

/** What the hub knows of itself. */
export interface HubReport {
  /** `origin` as in `HubCall`: announce URLs begin with where the caller reaches the hub. */
  facts(origin: string): Promise<HubFacts> | HubFacts
  stats(): Promise<HubStats> | HubStats
  /** Rejects when the hub should get no requests: its database does not answer, or it stops. */
  checkReady(): Promise<void>
  /** Figures besides those of the web door. */
  metrics(): readonly Metric[]
}

const TEXT = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
const NAMES = new SchemaNames(hubApi)
const PROOFS = {
  token: { type: 'http', scheme: 'bearer', description: `A session, or a token with scopes: ${Object.keys(SCOPES).join(', ')}` },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'shoal_session',
    description: '`__Host-shoal` over https. For the pages of the hub.',
  },
}

/**
 * The hub about itself, for people, monitors and programs.
 *
 * @param routes all others: what the description of the API describes
 */
export function hubRoutes(report: HubReport, metrics: WebMetrics, routes: readonly HubRoute[]): HubRoute[] {
  const own: HubRoute[] = [
    ...entryRoutes((origin) => report.facts(origin)),
    route({
      method: 'GET',
      url: '/',
      summary: 'What this is and how to join, for people',
      needs: 'public',
      handle: async ({ origin, header }) => {
        const facts = await report.facts(origin)
        const isBrowser = header('accept')?.includes('text/html') === true
        return isBrowser ? page(frontPageHtml(facts, origin)) : new RawReply(TEXT, frontPageText(facts, origin))
      },
    }),
    route({
      method: 'GET',
      url: '/v1/hub',
      summary: 'Name, version, who may come in, and where torrents are announced',
      needs: 'public',
      reply: HubFacts,
      handle: ({ origin }) => report.facts(origin),
    }),
    route({
      method: 'GET',
      url: '/v1/stats',
      summary: 'How much is here, and how much is going on',
      needs: 'files:read',
      reply: HubStats,
      handle: () => report.stats(),
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
      summary: 'The hub can work: its database answers, and it is not stopping (else 503)',
      needs: 'public',
      handle: async () => {
        try {
          await report.checkReady()
        } catch (cause) {
          throw cause instanceof ProblemError ? new ProblemError('BUSY', cause.message, {}, { cause }) : cause
        }
        return new RawReply(TEXT, 'ready\n')
      },
    }),
    route({
      method: 'GET',
      url: '/metrics',
      summary: 'Figures for Prometheus: for this machine, or with a token of the scope metrics',
      needs: 'public',
      handle: (call) => {
        requireMonitor(call)
        return new RawReply('text/plain; version=0.0.4; charset=utf-8', metrics.text(report.metrics()))
      },
    }),
    route({
      method: 'GET',
      url: '/v1/openapi.json',
      summary: 'This API as OpenAPI 3.1',
      needs: 'public',
      handle: async ({ origin }) => {
        const { version } = await report.facts(origin)
        return new RawReply(
          'application/json; charset=utf-8',
          JSON.stringify(openApiOf(all, { title: 'Shoal hub', version, origin, names: NAMES, proofs: PROOFS })),
          {
            'cache-control': 'no-cache',
          },
        )
      },
    }),
    route({
      method: 'GET',
      url: '/docs/api',
      summary: 'This API for people',
      needs: 'public',
      handle: async ({ origin }) => page(apiPage(all, { name: 'hub', version: (await report.facts(origin)).version, names: NAMES })),
    }),
  ]
  const all = [...own, ...routes]
  return own
}

/** A monitor on the same machine needs no token; behind a proxy everybody would be on the same machine. */
function requireMonitor({ caller, header }: HubCall): void {
  const ip = parseIp(caller.ip)
  const isLocal = ip !== undefined && isLoopback(ip) && header('x-forwarded-for') === undefined && header('forwarded') === undefined
  if (isLocal || caller.may('metrics:read')) return
  if (caller.accountId === undefined)
    throw new ProblemError('NOT_SIGNED_IN', 'The figures are for this machine, or for a token of the scope metrics')
  throw new ProblemError('FORBIDDEN', 'This needs the permission metrics:read, which this account or its token does not have')
}

function page(html: string): RawReply {
  return new RawReply(HTML, html, { 'content-security-policy': PAGE_POLICY, 'cache-control': 'no-cache' })
}
