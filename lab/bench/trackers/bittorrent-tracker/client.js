// bittorrent-tracker as a client: node client.js TRACKER INFO_HASH PORT LEFT; PEER for each that it is told of, SCRAPE with counts.
import { Client } from 'bittorrent-tracker'

const [announce, infoHash, port, left] = process.argv.slice(2)
const client = new Client({
  infoHash,
  peerId: Buffer.from('-XX0001-abcdefghijkl'),
  announce: [announce],
  port: Number(port),
  userAgent: 'client/1',
})
client.on('error', (error) => console.log('ERROR', error.message))
client.on('warning', (error) => console.log('WARNING', error.message))
client.on('update', (data) => console.log('UPDATE', JSON.stringify({ complete: data.complete, incomplete: data.incomplete })))
client.on('peer', (address) => console.log('PEER', address))
client.on('scrape', (data) =>
  console.log('SCRAPE', JSON.stringify({ complete: data.complete, incomplete: data.incomplete, downloaded: data.downloaded })),
)
client.start({ left: Number(left) })
process.stdin.on('data', (line) => {
  if (String(line).trim() === 'scrape') client.scrape()
})
process.on('SIGTERM', () => client.stop() ?? setTimeout(() => process.exit(0), 200))
