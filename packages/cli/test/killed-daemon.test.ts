import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CrashedDaemon } from './crash/crashed-daemon.ts'
import { Dice } from './noise.ts'

const ROUNDS = 20

test('a daemon that is killed twenty times loses nothing that it acknowledged, and hashes nothing again', async (context) => {
  const seed = Date.now() & 0xffff
  context.diagnostic(`seed ${seed}`)
  const dice = new Dice(seed)
  const daemon = await CrashedDaemon.open({ bytes: 4 << 20, bytesPerSecond: 4 << 20 })
  try {
    await daemon.fill()
    for (let round = 0; round < ROUNDS; round++) await daemon.round(round, dice.below(600))
    await daemon.finish()
    assert.ok(daemon.labelsKept > ROUNDS)
    assert.ok(daemon.cameBytes > 0)
  } finally {
    await daemon.close()
  }
})
