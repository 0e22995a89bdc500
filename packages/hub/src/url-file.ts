import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { STATE_FILES } from './state-directory.ts'

/** Where a running hub is reached. */
export interface HubUrls {
  /** From its own machine, past any proxy. */
  readonly local: string
  /** As people type it. */
  readonly public: string
}

/** Tells commands on this machine where the hub of a state directory is: `url`, a line for each. @returns what takes it back */
export async function writeUrlFile(stateDirectory: string, urls: HubUrls): Promise<() => Promise<void>> {
  const path = join(stateDirectory, STATE_FILES.url)
  await writeFile(path, `${urls.local}\n${urls.public}\n`, { mode: 0o600 })
  return () => rm(path, { force: true })
}
