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
  /** How long the commands took that were run. */
  busyMs = 0
  readonly #environment: Readonly<Record<string, string>>
  readonly #page: TourPage
  #client: DaemonClient | undefined

  constructor(name: string, folder: string, page: TourPage) {
    this.name = name
    this.folder = join(folder, name)
    this.#page = page
    mkdirSync(this.folder, { recursive: true })
    const state = join(folder, `state of ${name}`)
    this.#environment = { PATH: process.env.PATH ?? '', HOME: this.folder, SHOAL_HOME: state, NO_COLOR: '1' }
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

  /** Types a command into a shell of the system, and waits for its end. @returns what it printed */
  async runs(...words: readonly string[]): Promise<string> {
    const begun = performance.now()
    const output = await this.command(...words)
    this.show(words, output)
    this.busyMs += performance.now() - begun
    return output
  }

  /** A command and what it printed; cells of a pipe stand apart. */
  show(words: readonly string[], output: string): void {
    this.#page.typed(`${this.name}$ `, ['shoal', ...words].join(' '), output.trimEnd().replaceAll('\t', '   ').split('\n'))
  }

  /** One that goes on. @returns what it has printed when a line has matched, and how it is ended with Ctrl-C */
  launch(until: RegExp, ...words: readonly string[]): Promise<{ readonly output: string; readonly interrupt: () => Promise<void> }> {
    const begun = performance.now()
    const child = spawn(process.execPath, [BIN, ...words], { cwd: this.folder, env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = new Promise<void>((resolve) => {
      child.once('close', () => resolve())
    })
    let output = ''
    return new Promise((resolve, reject) => {
      child.once('close', (status) => reject(new Error(`${this.name}: shoal ${words.join(' ')} ended with status ${status}`)))
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text
        if (!until.test(output)) return
        this.busyMs += performance.now() - begun
        const interrupt = async (): Promise<void> => {
          child.kill('SIGINT')
          await ended
        }
        resolve({ output, interrupt })
      })
    })
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
