import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FileEntry, FileListQuery, FilePage, type HubFacts, NewFile } from '@shoal/api/hub-api'
import { PROBLEM_STATUS, ProblemError } from '@shoal/api/problem'
import { operationIdOf } from '@shoal/door/openapi'
import type { WebDoorOptions } from '@shoal/door/web-door'
import Type from 'typebox'
import { type HubReport, hubRoutes } from '../src/http/hub-routes.ts'
import { WebMetrics } from '../src/http/metrics.ts'
import { type HubRoute, route } from '../src/http/route.ts'
import { type OpenDoor, openDoor } from './web-door-fakes.ts'

const FACTS: HubFacts = {
  name: 'The <class> & "friends"',
  version: '0.1.0',
  visitors: 'none',
  registration: 'invite',
  needsSetup: false,
  announceUrls: ['http://192.0.2.1:6880/announce', 'udp://192.0.2.1:6880/announce'],
  startedAt: 1,
}

class FakeReport implements HubReport {
  stopped: Error | undefined
  facts: () => HubFacts = () => FACTS
  stats = () => ({
    files: 1,
    torrents: 1,
    bytes: 1,
    members: 1,
    connectedPeers: 1,
    swarms: 1,
    swarmPeers: 1,
    httpAnnounces: 1,
    udpAnnounces: 1,
    uptimeMs: 1,
  })
  async checkReady(): Promise<void> {
    if (this.stopped !== undefined) throw this.stopped
  }
  metrics = () => [{ name: 'shoal_hub_swarms', help: 'Swarms', type: 'gauge', values: [{ value: 7 }] }] as const
}

const OTHERS: HubRoute[] = [
  route({
    method: 'GET',
    url: '/v1/files',
    summary: 'Lists files',
    needs: 'files:read',
    query: FileListQuery,
    reply: FilePage,
    handle: () => ({ items: [] }),
  }),
  route({
    method: 'POST',
    url: '/v1/files',
    summary: 'Publishes a <torrent>',
    needs: 'files:publish',
    body: NewFile,
    takesForms: true,
    reply: FileEntry,
    status: 201,
    handle: () => {
      throw new ProblemError('QUOTA', 'no')
    },
  }),
  route({
    method: 'DELETE',
    url: '/v1/files/:id',
    summary: 'Withdraws one',
    needs: 'files:publish',
    params: Type.Object({ id: Type.String() }),
    handle: () => undefined,
  }),
]

async function openHub(changes: Partial<WebDoorOptions> = {}): Promise<OpenDoor & { report: FakeReport; routes: HubRoute[] }> {
  const report = new FakeReport()
  const metrics = new WebMetrics()
  const routes = [...hubRoutes(report, metrics, OTHERS), ...OTHERS]
  const opened = await openDoor(routes, { onAnswered: metrics.onAnswered, ...changes })
  return {
    ...opened,
    report,
    routes,
    async [Symbol.asyncDispose]() {
      metrics.close()
      await opened[Symbol.asyncDispose]()
    },
  }
}

describe('what the hub says of itself', () => {
  test('greets people with what to do, in the form that they can read', async () => {
    await using hub = await openHub()
    const text = await fetch(`${hub.url}/`)
    assert.equal(text.headers.get('content-type'), 'text/plain; charset=utf-8')
    const said = await text.text()
    assert.match(said, /It is for its members\. To become one, ask a member for an invite\./)
    assert.ok(said.includes(`curl ${hub.url}/v1/accounts -H 'content-type: application/json' -d '{"name":`), said)
    assert.ok(said.includes(`${hub.url}/a/YOUR-KEY/announce`) && said.includes('shoal login YOUR-NAME'), said)
    hub.report.facts = () => ({ ...FACTS, visitors: 'member' })
    const open = await (await fetch(`${hub.url}/`)).text()
    assert.ok(open.includes('  http://192.0.2.1:6880/announce') && !open.includes('curl') && !open.includes('login'), open)
    const html = await fetch(`${hub.url}/`, { headers: { accept: 'text/html,*/*' } })
    assert.match(html.headers.get('content-security-policy') ?? '', /default-src 'none'; style-src 'unsafe-inline'/)
    const page = await html.text()
    assert.ok(page.includes('<h1>The &#60;class&#62; &#38; &#34;friends&#34;</h1>'), page)
    assert.ok(!/<script|<class>/.test(page))
  })

  test('tells everybody the facts, and who may see it the figures', async () => {
    await using hub = await openHub()
    hub.accounts.visitors = 'none'
    assert.deepEqual(await (await fetch(`${hub.url}/v1/hub`)).json(), FACTS)
    assert.equal((await fetch(`${hub.url}/v1/stats`)).status, 401)
    assert.equal((await fetch(`${hub.url}/v1/stats`, { headers: { authorization: 'Bearer member' } })).status, 200)
  })

  test('tells a monitor whether it lives, whether it can work, and its figures', async () => {
    await using hub = await openHub({ reach: { trustedProxies: ['127.0.0.1'] } })
    hub.accounts.visitors = 'none'
    assert.equal(await (await fetch(`${hub.url}/healthz`)).text(), 'ok\n')
    assert.equal((await fetch(`${hub.url}/readyz`)).status, 200)
    hub.report.stopped = new ProblemError('BUSY', 'The database does not answer')
    assert.equal((await fetch(`${hub.url}/readyz`)).status, 503)
    assert.equal((await fetch(`${hub.url}/healthz`)).status, 200)

    const figures = await (await fetch(`${hub.url}/metrics`)).text()
    assert.match(figures, /^# HELP shoal_hub_swarms Swarms\n# TYPE shoal_hub_swarms gauge\nshoal_hub_swarms 7$/m)
    assert.match(figures, /^shoal_http_requests_total\{route="GET \/readyz",status="503"\} 1$/m)
    assert.match(figures, /^shoal_http_request_duration_seconds_bucket\{route="GET \/healthz",le="\+Inf"\} 2$/m)
    for (const line of figures.trimEnd().split('\n')) {
      assert.match(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{\w+="[^"\n]*"(?:,\w+="[^"\n]*")*\})? -?[\d.e+-]+)$/)
    }
    const foreign = { 'x-forwarded-for': '198.51.100.7' }
    assert.equal((await fetch(`${hub.url}/metrics`, { headers: foreign })).status, 401)
    assert.equal((await fetch(`${hub.url}/metrics`, { headers: { ...foreign, authorization: 'Bearer member' } })).status, 403)
    assert.equal((await fetch(`${hub.url}/metrics`, { headers: { ...foreign, authorization: 'Bearer admin' } })).status, 200)
    assert.equal((await fetch(`${hub.url}/metrics`, { headers: { 'x-forwarded-for': '127.0.0.1' } })).status, 401)
  })

  test('describes every route in OpenAPI, with references that lead somewhere', async () => {
    await using hub = await openHub()
    const text = await (await fetch(`${hub.url}/v1/openapi.json`)).text()
    const described = JSON.parse(text) as {
      openapi: string
      paths: Record<string, Record<string, { operationId: string; parameters?: { name: string; in: string }[] }>>
      components: Record<string, Record<string, unknown>>
    }
    assert.equal(described.openapi, '3.1.0')
    for (const [, section, name] of text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)) {
      assert.ok(described.components[section ?? '']?.[name ?? ''] !== undefined, `${section} ${name}`)
    }
    const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.values(methods).map((each) => ({ path, ...each })),
    )
    assert.deepEqual(operations.map(({ operationId }) => operationId).sort(), hub.routes.map(operationIdOf).sort())
    assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length)
    for (const { path, parameters = [] } of operations) {
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
      assert.deepEqual(
        inPath,
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
        path,
      )
    }
    const publish = described.paths['/v1/files']?.post as unknown as Record<string, { content: Record<string, { schema: unknown }> }>
    assert.deepEqual(Object.keys(publish.requestBody?.content ?? {}), [
      'application/json',
      'multipart/form-data',
      'application/x-bittorrent',
    ])
    assert.deepEqual(publish.requestBody?.content['application/json']?.schema, { $ref: '#/components/schemas/NewFile' })
    assert.ok(!text.includes('undefined'))
  })

  test('describes it for people, without a script, with an anchor for each route, shape and code', async () => {
    await using hub = await openHub()
    const page = await (await fetch(`${hub.url}/docs/api`)).text()
    const anchors = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id ?? ''))
    for (const code of Object.keys(PROBLEM_STATUS)) assert.ok(anchors.has(code), code)
    for (const each of hub.routes) assert.ok(anchors.has(operationIdOf(each)), each.url)
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) assert.ok(anchors.has(target ?? ''), target)
    assert.ok(page.includes('Publishes a &#60;torrent&#62;'))
    assert.ok(!/<script|javascript:|\son\w+=|undefined|\[object/i.test(page))
  })
})
