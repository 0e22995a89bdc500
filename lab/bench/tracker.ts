import { setTimeout as pause } from 'node:timers/promises'
import { fromHex } from '@shoal/protocol/bytes'
import { isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { buildScrapeUrl, parseScrapeReply } from '@shoal/protocol/tracker/http'
import { Program } from '../interop/program.ts'
import { SHOAL } from './clients/shoal.ts'

const ASK_EVERY_MS = 10
const KNOWN_WITHIN_MS = 30_000

/** Our hub, a process of its own: the tracker of every client that asks one. */
export class Tracker {
  readonly announceUrl: string
  readonly #program: Program

  private constructor(program: Program, announceUrl: string) {
    this.#program = program
    this.announceUrl = announceUrl
  }

  static async start(): Promise<Tracker> {
    const program = new Program('hub', [], [process.execPath, SHOAL, 'hub', '--port', '0', '--json'])
    const { announce } = JSON.parse(await program.line(/"event":"ready"/)) as { announce: string }
    return new Tracker(program, announce)
  }

  /** Resolves when so many peers that have everything have announced themselves. */
  async whenSeeds(infoHash: string, count: number): Promise<void> {
    const url = buildScrapeUrl(this.announceUrl.replace(/announce$/, 'scrape'), [fromHex(infoHash)!])
    const end = performance.now() + KNOWN_WITHIN_MS
    for (;;) {
      const reply = parseScrapeReply(new Uint8Array(await (await fetch(url)).arrayBuffer()))
      if (isTrackerFailure(reply)) throw new Error(`The hub refuses to be asked: ${reply.failureReason}`)
      const known = reply[0]?.complete ?? 0
      if (known >= count) return
      if (performance.now() > end) throw new Error(`The tracker knows ${known} of ${count} seeds`)
      await pause(ASK_EVERY_MS)
    }
  }

  async stop(): Promise<void> {
    await this.#program.stop()
  }
}
