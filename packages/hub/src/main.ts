/**
 * Runs a hub by itself, for a machine that serves a group and nothing else:
 *
 *     node packages/hub/src/main.ts --host 0.0.0.0 --port 6880
 *
 * It says where it listens, and stops in order on SIGTERM and SIGINT. (`shoal hub` is the same hub with more
 * comfort.)
 */

import { parseArgs } from 'node:util'
import { HubError, startHub } from './hub.ts'

const USAGE = 'Usage: node packages/hub/src/main.ts [--host <address>] [--port <number>] [--interval <seconds>]'

interface CommandLine {
  readonly host?: string
  readonly port?: number
  readonly tracker?: { readonly intervalSeconds: number }
}

function readCommandLine(): CommandLine {
  const { values } = parseArgs({ options: { host: { type: 'string' }, port: { type: 'string' }, interval: { type: 'string' } } })
  return {
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    ...(values.interval === undefined ? {} : { tracker: { intervalSeconds: Number(values.interval) } }),
  }
}

async function main(): Promise<void> {
  const hub = await startHub(readCommandLine())
  console.log(`The hub listens. Trackers for your torrents:\n  ${hub.urls.http}\n  ${hub.urls.udp}`)
  const stop = (): void => {
    void hub.close()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

main().catch((error: unknown) => {
  const isOurs = error instanceof HubError || (error instanceof TypeError && 'code' in error)
  console.error(isOurs ? `${error.message}\n${USAGE}` : error)
  process.exitCode = 1
})
