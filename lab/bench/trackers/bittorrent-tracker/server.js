// bittorrent-tracker for the benchmark: node server.js PORT, HTTP and UDP, nothing else, until it is ended.
import { Server } from 'bittorrent-tracker'

const server = new Server({ udp: true, http: true, ws: false, stats: false, trustProxy: false })
server.on('error', (error) => console.log('ERROR', error.message))
server.on('warning', () => {})
server.listen(Number(process.argv[2]), { http: '127.0.0.1', udp: '127.0.0.1', udp6: '::1' }, () => console.log('READY'))
