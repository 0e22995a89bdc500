/**
 * Kills what is writing, again and again, and looks for what was acknowledged and is gone:
 *
 *     node lab/crash/main.ts database [rounds, 100] [seed]      a process that writes rows
 *     node lab/crash/main.ts hub [rounds, 100] [seed]           a hub to which 200 torrents a second are published
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

const state = mkdtempSync(join(tmpdir(), 'shoal-crash-'))
try {
  const found = what === 'hub' ? await killHubs(state) : await killDatabases(state)
  console.log(JSON.stringify({ what: what === 'hub' ? 'hub' : 'database', rounds, seed, ...found }))
} finally {
  rmSync(state, { recursive: true })
}
