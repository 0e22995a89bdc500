/**
 * Runs a hub by itself, for a machine that serves a group and nothing else:
 *
 *     node packages/hub/src/main.ts --config /etc/shoal/hub.toml
 *
 * It says where it listens and what it is worried about, takes new certificates on SIGHUP, and stops in order on SIGTERM
 * and SIGINT. (`shoal hub` is the same hub with more comfort.)
 */

import { readCommandLine } from './command-line.ts'
import type { HubConfig } from './config.ts'
import { readHubConfig } from './config-file.ts'
import { configReport } from './config-report.ts'
import { type Hub, HubError, startHub } from './hub.ts'
import { type HubLog, openHubLog } from './hub-log.ts'
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
  const log = openHubLog()
  const hub = await startHub({ ...config, log, onFatal: (error) => fail(log, error) })
  heed(hub, config, log)
  console.log(welcomeOf(hub))
  const facts = await machineFacts(config, REAL_HUB_SYSTEM.wallClock(), hub.certificateExpiresAt)
  for (const warning of startWarnings(config, facts)) log.warn(warning)
}

function welcomeOf({ url, urls, setupLink }: Hub): string {
  const lines = [`The hub listens at ${url}`, 'Trackers for torrents:', `  ${urls.http}`, `  ${urls.udp}`]
  if (setupLink !== undefined) lines.push('Nobody owns it yet. Whoever opens this link first does:', `  ${setupLink}`)
  return lines.join('\n')
}

function heed(hub: Hub, { tls }: HubConfig, log: HubLog): void {
  const stop = (): void => {
    log.info('The hub stops')
    void hub.close()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  process.on('SIGHUP', () => {
    const told =
      tls === undefined ? 'There is nothing to take anew: settings are read at the start' : 'The certificate is the one of the files'
    hub.reloadCertificates().then(
      () => log.info(told),
      (error: unknown) => log.warn(error instanceof Error ? error.message : String(error)),
    )
  })
}

/** Whoever runs this starts it again (`Restart=` of the unit). */
function fail(log: HubLog, error: unknown): void {
  log.error({ err: error }, 'The hub cannot go on')
  process.exit(1)
}

main().catch((error: unknown) => {
  const isOurs = error instanceof HubError || (error instanceof TypeError && 'code' in error)
  console.error(isOurs ? error.message : error)
  if (!(error instanceof HubError)) console.error(USAGE)
  process.exitCode = 1
})
