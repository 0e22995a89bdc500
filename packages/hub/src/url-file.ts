import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { STATE_FILES } from './state-directory.ts'

/** How a hub is reached: from its own machine, and by everybody else. */
export interface HubUrls {
  readonly localUrl: string
  readonly url: string
}

/** Where nothing else is known. */
const DEFAULT_URL = 'http://127.0.0.1:6880'
const PRIVATE_FILE = 0o600

/** Leaves word for programs on this machine that look for the hub of this state directory. @returns a function that takes it back */
export function leaveUrls(stateDirectory: string, { localUrl, url }: HubUrls): () => void {
  const path = join(stateDirectory, STATE_FILES.urls)
  try {
    writeFileSync(path, `${localUrl}\n${url}\n`, { mode: PRIVATE_FILE })
  } catch {
    // A hub that serves is worth more than word of it: they can be told the URL.
  }
  return () => rmSync(path, { force: true })
}

/** The hub that runs, or was killed, with this state directory; one that nobody has started is expected at the usual port. */
export function findUrls(stateDirectory: string): HubUrls {
  const [localUrl = DEFAULT_URL, url = localUrl] = linesOf(join(stateDirectory, STATE_FILES.urls))
  return { localUrl, url }
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean)
  } catch {
    return [] // no hub runs, or another person's does
  }
}
