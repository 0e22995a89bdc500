import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DaemonClient } from '@shoal/api/daemon-client'
import { peerIfRunning, peerWorld } from '../../packages/cli/src/commands/peer-access.ts'
import { ALL_PEER_VERBS } from '../../packages/cli/src/shell/peer/peer-verbs.ts'
import { Shell } from '../../packages/cli/src/shell/shell.ts'
import type { Verb } from '../../packages/cli/src/shell/verb.ts'
import type { TourPage } from './tour-page.ts'

const BIN = join(import.meta.dirname, '../../packages/cli/bin/shoal.js')
const COLUMNS = 96
const same = (text: string): string => text
const PLAIN = { good: same, waiting: same, bad: same, dim: same, strong: same }

/** What one line of a shell shows on a terminal without colours. */
export async function answerOf<W>(verbs: readonly Verb<W>[], world: W, typed: readonly string[]): Promise<string[]> {
  const left = [...typed]
  let written = ''
  const write = (text: string): void => {
    written += text
  }
  const view = { isTerminal: true, isLive: false, palette: PLAIN, columns: () => COLUMNS, write, onResize: () => () => {} }
  const lines = { isInteractive: true, next: async () => left.shift(), ask: async () => left.shift(), write, close: () => {} }
  await new Shell({ verbs, world, lines, view, messages: view, isJson: false, now: Date.now, exitSummary: 'leaves' }).run()
  return written.split('\n').slice(0, -1)
}

/** Somebody with a machine: a home, a folder to work in, and a peer in the background. */
export class TourPerson {
  readonly name: string
  readonly folder: string
  readonly #environment: Readonly<Record<string, string>>
  readonly #page: TourPage
  #client: DaemonClient | undefined

  constructor(name: string, folder: string, page: TourPage) {
    this.name = name
    this.folder = join(folder, name)
    this.#page = page
    const home = join(folder, `home of ${name}`)
    mkdirSync(this.folder, { recursive: true })
    mkdirSync(home, { recursive: true })
    this.#environment = { PATH: process.env.PATH ?? '', HOME: home, SHOAL_HOME: home, NO_COLOR: '1' }
  }

  async start(): Promise<void> {
    await this.command('daemon', 'start')
    this.#client = await peerIfRunning(this.#environment)
    await this.client.changeSettings({ peerName: this.name, downloadDir: this.folder })
  }

  get client(): DaemonClient {
    if (this.#client === undefined) throw new Error(`${this.name} has not started`)
    return this.#client
  }

  /** Types a line into the shell; what follows are answers to its questions. */
  async types(line: string, ...answers: readonly string[]): Promise<string> {
    const world = { ...peerWorld(this.client, { version: '0' }), folder: this.folder }
    const shown = await answerOf(ALL_PEER_VERBS, world, [line, ...answers])
    this.#page.typed(`${this.name}> `, line, shown)
    return shown.join('\n')
  }

  /** As a shell of the system runs it, to its end; not shown. @throws when it fails */
  command(...words: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [BIN, ...words], {
        cwd: this.folder,
        env: this.#environment,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let output = ''
      let messages = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        messages += text
      })
      child.once('error', reject)
      child.once('close', (status) => {
        if (status === 0) resolve(output)
        else reject(new Error(`${this.name}: shoal ${words.join(' ')}: ${messages}`))
      })
    })
  }

  async stop(): Promise<void> {
    if (this.#client !== undefined) await this.command('daemon', 'stop')
    this.#client = undefined
  }
}
