import { mkdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ProblemError } from '@shoal/api/problem'
import Type, { type Static } from 'typebox'
import type { DaemonSystem } from './daemon-system.ts'
import type { Documents, StateStore } from './state-store.ts'

/** Beside the data, so that nothing has to be copied. */
const FOLDER = '.shoal-recycled'
const DAY_MS = 86_400_000

const Recycled = Type.Object({ path: Type.String(), name: Type.String(), at: Type.Integer({ minimum: 0 }) })
type Recycled = Static<typeof Recycled>

/** What was removed with its data: kept for some days, in a folder beside it, and then gone. */
export class RecycleBin {
  readonly #documents: Documents<Recycled>
  readonly #system: DaemonSystem
  #isSweeping = false

  constructor(parts: { store: Pick<StateStore, 'collection'>; system: DaemonSystem }) {
    this.#documents = parts.store.collection('recycled', Recycled)
    this.#system = parts.system
  }

  /** A folder of its own for what is taken out of `dir`. @throws {ProblemError} `STORAGE` */
  async open(dir: string, name: string): Promise<string> {
    const at = this.#system.wallClock()
    const id = Buffer.from(this.#system.randomBytes(8)).toString('hex')
    const path = join(dir, FOLDER, `${new Date(at).toISOString().slice(0, 10)}-${id}`)
    try {
      await mkdir(path, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new ProblemError(
        'STORAGE',
        `Cannot make the folder ${path} for what is removed: ${messageOf(error)}. Remove it without its data`,
      )
    }
    await this.#documents.put(id, { path, name, at })
    return path
  }

  /** Deletes what is older than so many days. @returns what it says of what could not be deleted */
  async sweep(days: number): Promise<readonly string[]> {
    if (this.#isSweeping) return []
    this.#isSweeping = true
    const troubles: string[] = []
    try {
      for (const [id, { path, at }] of this.#documents.all) {
        if (at + days * DAY_MS > this.#system.wallClock()) continue
        try {
          await rm(path, { recursive: true, force: true })
          await rmdir(dirname(path)).catch(() => {}) // others are still in it
        } catch (error) {
          troubles.push(`Cannot delete ${path}: ${messageOf(error)}`)
          continue
        }
        await this.#documents.delete(id)
      }
    } finally {
      this.#isSweeping = false
    }
    return troubles
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
