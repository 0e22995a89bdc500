import { startHub } from '@shoal/hub'

/*
 * Our hub for the benchmark: on a port of loopback, until it is ended. The load announces every peer again within a second,
 * which no client does, so the shortest interval is a second here: else the answers would have no peers.
 */
const hub = await startHub({ port: Number(process.argv[2]), tracker: { minIntervalSeconds: 1 } })
console.log(`READY ${hub.httpPort}`)
process.once('SIGTERM', () => void hub.close())
