// One WebTorrent peer for the benchmarks: peer.js FILE.torrent FOLDER PORT. COMPLETE when everything is there and verified.
import WebTorrent from 'webtorrent'

const [torrent, folder, port] = process.argv.slice(2)
const client = new WebTorrent({
  torrentPort: Number(port),
  dht: false,
  lsd: false,
  utPex: false,
  utp: false,
  natUpnp: false,
  natPmp: false,
  secure: 0,
})
client.on('error', (error) => {
  console.error(error)
  process.exit(1)
})
client.add(torrent, { path: folder }, (added) => {
  if (added.done) console.log('COMPLETE')
  else added.once('done', () => console.log('COMPLETE'))
})
process.on('SIGTERM', () => client.destroy(() => process.exit(0)))
