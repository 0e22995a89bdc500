import { startHub } from '@shoal/hub'
import { MembersOnly } from '../../packages/hub/src/tracker/access.ts'

/* A hub that lets in who has one key, on any port of one address: node members-hub-program.ts ADDRESS KEY. Says what `shoal hub --json` says. */
const [host = '127.0.0.1', key = ''] = process.argv.slice(2)
const hub = await startHub({ host, port: 0, access: new MembersOnly({ isGood: (announceKey) => announceKey === key }) })
const withKey = (url: string): string => url.replace(/announce$/, `a/${key}/announce`)
console.log(JSON.stringify({ event: 'ready', announce: withKey(hub.urls.http), udp: withKey(hub.urls.udp) }))
process.once('SIGTERM', () => void hub.close())
