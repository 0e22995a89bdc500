import { hostname } from 'node:os'
import { DaemonSettings, type DaemonSettingsChange } from '@shoal/api/daemon-api'
import { NAME_PATTERN } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import type { Documents, StateStore } from './state-store.ts'

const KIND = 'settings'
const ID = 'daemon'

/** The settings of a daemon, as they are and as they change. */
export class Settings {
  readonly #documents: Documents<DaemonSettings>
  #current: DaemonSettings

  constructor(store: Pick<StateStore, 'collection'>, downloadDir: string) {
    const defaults = defaultSettings(downloadDir)
    this.#documents = store.collection(KIND, DaemonSettings, defaults)
    this.#current = this.#documents.get(ID) ?? defaults
  }

  get current(): DaemonSettings {
    return this.#current
  }

  /** On the disk when it resolves. @throws {ProblemError} `VALIDATION` */
  async change(change: DaemonSettingsChange): Promise<DaemonSettings> {
    if (change.peerName !== undefined && !new RegExp(NAME_PATTERN, 'u').test(change.peerName)) {
      throw new ProblemError('VALIDATION', `Cannot call this peer '${change.peerName}': letters and digits, inside also space . _ -`)
    }
    this.#current = { ...this.#current, ...change }
    await this.#documents.put(ID, this.#current)
    return this.#current
  }
}

function defaultSettings(downloadDir: string): DaemonSettings {
  return {
    peerName: peerNameOf(hostname()),
    downloadDir,
    downloadLimit: null,
    uploadLimit: null,
    schedule: [],
    lanIsUnlimited: false,
    maxActiveDownloads: 8,
    // Seeds that nobody wants anything of do not count.
    maxActiveSeeds: 500,
    slowRate: 2_048,
    maxConnections: 500,
    goals: { ratio: null, seedMinutes: null, idleMinutes: null, action: 'pause' },
    watchFolders: [],
    recycleDays: 7,
    notify: true,
    delayMs: 0,
  }
}

/** What of the name of this machine may be the name of a peer. */
export function peerNameOf(host: string): string {
  const name = host
    .replace(/[^\p{L}\p{M}\p{N} ._-]+/gu, '-')
    .replace(/^[^\p{L}\p{N}]+/u, '')
    .slice(0, 40)
    .replace(/[^\p{L}\p{M}\p{N}]+$/u, '')
  return name === '' ? 'peer' : name
}
