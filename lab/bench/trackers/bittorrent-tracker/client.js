// bittorrent-tracker as a client: node client.js TRACKER INFO_HASH PORT LEFT
//
// PEER for each that it is told of, UPDATE with what an announce says, SCRAPE with counts when its input says `scrape`. It goes
// on until that closes, and says goodbye to the tracker then. With --is-there it ends at once: it is installed.
import { Client } from 'bittorrent-tracker'

if (process.argv[2] === '--is-there') process.exit(0)
const [announce, infoHash, port, left] = process.argv.slice(2)
const client = new Client({ infoHash, peerId: Buffer.from('-XX0001-abcdefghijkl'), announce: [announce], port: Number(port) })
const counts = ({ complete, incomplete, downloaded }) => JSON.stringify({ complete, incomplete, downloaded })
client.on('error', (error) => console.log('ERROR', error.message))
client.on('warning', (error) => console.log('WARNING', error.message))
client.on('update', (data) => console.log('UPDATE', counts(data)))
client.on('peer', (address) => console.log('PEER', address))
client.on('scrape', (data) => console.log('SCRAPE', counts(data)))
client.start({ left: Number(left) })
process.stdin.on('data', () => client.scrape())
process.stdin.on('end', () => client.destroy())
