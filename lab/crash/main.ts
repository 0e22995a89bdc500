/**
 * Kills what is writing, again and again, and looks for what was acknowledged and is gone:
 *
 *     node lab/crash/main.ts database [rounds, 100] [seed]      a process that writes rows
 *     node lab/crash/main.ts hub [rounds, 100] [seed]           a hub to which 200 torrents a second are published
 *     node lab/crash/main.ts daemon [rounds, 100] [seed]        a peer with ten torrents that are whole and ten that are coming
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CrashedDaemon } from '../../packages/cli/test/crash/crashed-daemon.ts'
import { crashRound } from '../../packages/hub/test/crash/crash-round.ts'
import { type CrashedHub, hubRound } from './hub-round.ts'

const [what, rounds = 100, seed = Date.now() & 0xffff] = [process.argv[2], ...process.argv.slice(3).map(Number)]

/** Spread evenly between 0 and 1, whatever the number of rounds (golden ratio). */
function chanceOf(round: number): number {
  return ((seed + round) * 0.618_034) % 1
}

async function killDatabases(state: string): Promise<object> {
  let acknowledged = 0
  let unheard = 0
  for (let round = 0; round < rounds; round++) {
    const chance = chanceOf(round)
    const found = await crashRound(join(state, 'hub.db'), round * 1_000_000, 1 + Math.floor(chance * 100), Math.floor(chance * 7))
    acknowledged += found.acknowledgedRows
    unheard += found.unheardRows
  }
  return { acknowledged, unheard, lost: 0 }
}

async function killHubs(state: string): Promise<object> {
  const hub: CrashedHub = { state: join(state, 'hub'), token: undefined, acknowledged: new Map(), unheard: 0 }
  for (let round = 0; round < rounds; round++) await hubRound(hub, round, 100 + Math.floor(chanceOf(round) * 700))
  // one more, which only looks
  await hubRound(hub, rounds, 0)
  return { acknowledged: hub.acknowledged.size, unheard: hub.unheard, lost: 0 }
}

async function killDaemons(): Promise<object> {
  const bytesPerSecond = 4 << 20
  // as much as can come in all rounds together
  const daemon = await CrashedDaemon.open({ bytes: Math.ceil((bytesPerSecond * 0.7 * rounds) / 10), bytesPerSecond })
  try {
    await daemon.fill()
    for (let round = 0; round < rounds; round++) await daemon.round(round, Math.floor(chanceOf(round) * 700))
    const { cameBytes } = daemon
    await daemon.finish()
    const readyMs = daemon.readyMs.toSorted((one, other) => one - other)
    return {
      acknowledged: daemon.labelsKept,
      cameBytes,
      lost: 0,
      readyMs: { median: Math.round(readyMs[rounds >> 1] ?? 0), worst: Math.round(readyMs.at(-1) ?? 0) },
    }
  } finally {
    await daemon.close()
  }
}

const KINDS: Readonly<Record<string, (state: string) => Promise<object>>> = { database: killDatabases, hub: killHubs, daemon: killDaemons }
const kill = KINDS[what ?? '']
if (kill === undefined) throw new Error(`Which one is to be killed? ${Object.keys(KINDS).join(', ')}`)

const state = mkdtempSync(join(tmpdir(), 'shoal-crash-'))
try {
  const found = await kill(state)
  console.log(JSON.stringify({ what, rounds, seed, ...found }))
} finally {
  rmSync(state, { recursive: true })
}
