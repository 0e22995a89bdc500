import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { hubOf } from '../../packages/cli/src/commands/hub-access.ts'
import { HUB_VERBS } from '../../packages/cli/src/shell/hub/hub-verbs.ts'
import type { TourPage } from './tour-page.ts'
import { answerOf } from './tour-person.ts'

const BIN = join(import.meta.dirname, '../../packages/cli/bin/shoal.js')

/** A hub in a process of its own, and its shell. */
export class TourHub {
  readonly url: string
  readonly announce: string
  readonly #environment: Readonly<Record<string, string>>
  readonly #page: TourPage
  readonly #stop: () => Promise<void>

  private constructor(
    ready: { readonly url: string; readonly announce: string },
    environment: Readonly<Record<string, string>>,
    page: TourPage,
    stop: () => Promise<void>,
  ) {
    this.url = ready.url
    this.announce = ready.announce
    this.#environment = environment
    this.#page = page
    this.#stop = stop
  }

  static async start(folder: string, page: TourPage, ...options: readonly string[]): Promise<TourHub> {
    mkdirSync(folder, { recursive: true })
    const environment = { PATH: process.env.PATH ?? '', HOME: folder, SHOAL_HOME: folder, NO_COLOR: '1' }
    const child = spawn(process.execPath, [BIN, 'hub', '--json', '--name', 'class', ...options], {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise<void>((resolve) => {
      child.once('close', () => resolve())
    })
    const ready = await new Promise<{ url: string; announce: string }>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const event = JSON.parse(line) as { event: string; url: string; announce: string }
        if (event.event === 'ready') resolve(event)
      })
      child.once('close', (status) => reject(new Error(`The hub ended with status ${status}`)))
    })
    return new TourHub(ready, environment, page, async () => {
      child.kill('SIGTERM')
      await ended
    })
  }

  get address(): string {
    return new URL(this.url).host
  }

  /** Types a line into the shell of the hub. */
  async types(line: string, ...answers: readonly string[]): Promise<string> {
    const world = { ...hubOf({}, this.#environment), ownAddresses: () => [], chance: () => 0.5 }
    const shown = await answerOf(HUB_VERBS, world, [line, ...answers])
    this.#page.typed('hub> ', line, shown)
    return shown.join('\n')
  }

  stop(): Promise<void> {
    return this.#stop()
  }
}
