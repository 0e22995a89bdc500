import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Accounts } from '../../packages/hub/src/accounts/accounts.ts'
import { openDatabase } from '../../packages/hub/src/database/database.ts'
import { type HubSystem, REAL_HUB_SYSTEM } from '../../packages/hub/src/system.ts'
import { spreadOf } from './statistics.ts'

/*
 * Does the time of a refused sign-in tell whether the name exists? Wrong passwords for a known and for unknown names take turns, on a
 * database on a disk of memory, at the full cost of a hash. SAFETY A2: the difference of their medians is below 5 %.
 *
 *     npm run bench -- sign-in --tries 1000
 */

const { values } = parseArgs({ options: { tries: { type: 'string', default: '1000' } } })
const tries = Number(values.tries)

/** Each try ten minutes after the one before: nobody is told to wait. */
class HurriedSystem implements HubSystem {
  #tries = 0
  now = (): number => REAL_HUB_SYSTEM.now()
  randomBytes = (length: number): Uint8Array => REAL_HUB_SYSTEM.randomBytes(length)
  randomBelow = (limit: number): number => REAL_HUB_SYSTEM.randomBelow(limit)
  wallClock = (): number => REAL_HUB_SYSTEM.wallClock() + this.#tries * 10 * 60_000
  hurry(): void {
    this.#tries++
  }
}

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'shoal-sign-in-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const system = new HurriedSystem()
const database = await openDatabase({ file: join(folder, 'hub.sqlite') })
const accounts = await Accounts.open({
  database,
  system,
  secret: system.randomBytes(32),
  defaults: { name: 'bench', visitors: 'none', registration: 'open', torrents: 'any', maxFilesPerMember: 1, forgetAfterDays: 0 },
})
const from = { ip: '192.0.2.1', agent: 'bench' }
for (let i = 0; i < 50; i++) {
  system.hurry()
  await accounts.registrar.register({ name: `person ${i}`, password: 'the right sentence' }, from)
}

async function refuse(name: string): Promise<number> {
  system.hurry()
  const startedAt = performance.now()
  const code = await accounts.signIn.signIn({ name, password: 'a wrong sentence' }, from).then(
    () => 'OK',
    (error: { code: string }) => error.code,
  )
  const milliseconds = performance.now() - startedAt
  if (code !== 'CREDENTIALS') throw new Error(`${name} was told ${code}`)
  return milliseconds
}

const WARM_UP = 20
const known: number[] = []
const unknown: number[] = []
for (let i = 0; i < tries / 2 + WARM_UP; i++) {
  // by turns, and neither always first
  const names = [
    [`person ${i % 50}`, known],
    [`nobody ${i % 50}`, unknown],
  ] as const
  for (const [name, times] of i % 2 === 0 ? names : names.toReversed()) {
    const milliseconds = await refuse(name)
    if (i >= WARM_UP) times.push(milliseconds)
  }
}
await accounts.close()
await database.close()

const [one, other] = [spreadOf(known).median, spreadOf(unknown).median]
const differencePercent = (Math.abs(one - other) / other) * 100
console.log(
  JSON.stringify({
    bench: 'sign-in',
    tries,
    knownMs: Number(one.toFixed(3)),
    unknownMs: Number(other.toFixed(3)),
    differencePercent: Number(differencePercent.toFixed(2)),
    isWithin5Percent: differencePercent < 5,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim(),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.version,
  }),
)
if (differencePercent >= 5) process.exitCode = 1
