/**
 * Kills a writing hub database again and again, and looks for acknowledged rows that are gone:
 *
 *     node lab/crash/main.ts [rounds, 100] [seed]
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crashRound } from '../../packages/hub/test/crash/crash-round.ts'

const rounds = Number(process.argv[2] ?? 100)
const seed = Number(process.argv[3] ?? Date.now() & 0xffff)
const state = mkdtempSync(join(tmpdir(), 'shoal-crash-'))
let acknowledgedRows = 0
let unheardRows = 0
try {
  for (let round = 0; round < rounds; round++) {
    const chance = ((seed + round) * 0.618_034) % 1
    const found = await crashRound(join(state, 'hub.db'), round * 1_000_000, 1 + Math.floor(chance * 100), Math.floor(chance * 7))
    acknowledgedRows += found.acknowledgedRows
    unheardRows += found.unheardRows
  }
  console.log(JSON.stringify({ rounds, seed, acknowledgedRows, unheardRows, lostRows: 0 }))
} finally {
  rmSync(state, { recursive: true })
}
