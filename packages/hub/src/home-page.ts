import type { IncomingMessage, ServerResponse } from 'node:http'

/** What the page of a hub tells people: what this is, and what to do next. */
export interface HomePageFacts {
  readonly httpUrl: string
  readonly udpUrl: string
  readonly swarmCount: number
  readonly peerCount: number
}

const PLAIN = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
const NOT_FOUND = 'Nothing is here. This is a BitTorrent tracker: clients ask /announce and /scrape, and people find at / what it is for.\n'

/** What a hub shows besides its tracker: `/` for people and `/healthz` for machines. */
export function servePages(facts: () => HomePageFacts): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const [path] = (request.url ?? '/').split('?', 1)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      // A body may follow, and nobody wants to read it.
      response.setHeader('connection', 'close')
      send(response, 405, PLAIN, 'Only GET, HEAD is answered here.\n')
    } else if (path === '/healthz') send(response, 200, PLAIN, 'ok\n')
    else if (path === '/') {
      const wantsHtml = request.headers.accept?.includes('text/html') === true
      // The page runs nothing, loads nothing and is shown in no frame.
      response.setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
      send(response, 200, wantsHtml ? HTML : PLAIN, wantsHtml ? homePageHtml(facts()) : homePageText(facts()))
    } else send(response, 404, PLAIN, NOT_FOUND)
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'x-content-type-options': 'nosniff' })
  response.end(body)
}

function homePageText(facts: HomePageFacts): string {
  return [
    'This is a Shoal hub: the meeting point of a group that shares files with BitTorrent.',
    '',
    'It hands no files out. It tells the peers of a torrent about each other, so that they',
    'can exchange the pieces directly. Any BitTorrent client can use it.',
    '',
    'Tracker (put one or both into a torrent that you make):',
    `  ${facts.httpUrl}`,
    `  ${facts.udpUrl}`,
    '',
    `Now: ${counted(facts.swarmCount, 'torrent')}, ${counted(facts.peerCount, 'peer')}.`,
    '',
  ].join('\n')
}

/** Every value in it is our own: no text of a stranger comes into this page. */
function homePageHtml(facts: HomePageFacts): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Shoal hub</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1.05rem/1.55 system-ui, sans-serif; max-width: 38rem; margin: 10vh auto; padding: 0 1.25rem }
  code { display: block; padding: .5rem .75rem; margin: .4rem 0; border-radius: .4rem; background: #8882; overflow-x: auto; user-select: all }
  small { opacity: .75 }
</style>
<h1>Shoal hub</h1>
<p>This is the meeting point of a group that shares files with BitTorrent. It hands no files out: it tells the peers
of a torrent about each other, so that they can exchange the pieces directly. Any BitTorrent client can use it.</p>
<p>Put one or both of these trackers into a torrent that you make:</p>
<code>${facts.httpUrl}</code>
<code>${facts.udpUrl}</code>
<p><small>Now: ${counted(facts.swarmCount, 'torrent')}, ${counted(facts.peerCount, 'peer')}.</small></p>
</html>
`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
