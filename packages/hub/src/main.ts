/**
 * Runs a hub by itself, for a machine that serves a group and nothing else:
 *
 *     node packages/hub/src/main.ts --config /etc/shoal/hub.toml
 *
 * It says where it listens, and stops in order on SIGTERM and SIGINT. (`shoal hub` is the same hub with more comfort.)
 */

import { readCommandLine } from './command-line.ts'
import { readHubConfig } from './config-file.ts'
import { configReport } from './config-report.ts'
import { HubError, startHub } from './hub.ts'
import { machineFacts, startWarnings } from './start-checks.ts'
import { REAL_HUB_SYSTEM } from './system.ts'

const USAGE =
  'Usage: node packages/hub/src/main.ts [--config <file>] [--print-config] [--<setting> <value>]   (docs/hub.md lists the settings)'

async function main(): Promise<void> {
  const { file, flags, onlyPrints } = readCommandLine(process.argv.slice(2))
  const { config, settings } = readHubConfig({ file, flags, environment: process.env })
  if (onlyPrints) {
    console.log(configReport(settings).trimEnd())
    return
  }
  const hub = await startHub(config)
  console.log(`The hub listens. Trackers for your torrents:\n  ${hub.urls.http}\n  ${hub.urls.udp}`)
  for (const warning of startWarnings(config, await machineFacts(config, REAL_HUB_SYSTEM.wallClock()))) console.warn(`Warning: ${warning}`)
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
