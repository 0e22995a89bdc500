import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openDatabase } from '../../src/database/database.ts'

const WRITER = fileURLToPath(new URL('./row-writer.ts', import.meta.url))

export interface CrashRound {
  readonly acknowledgedRows: number
  /** Written, and killed before anybody heard of it: allowed to be there. */
  readonly unheardRows: number
}

/**
 * Lets another process write to the database, kills it (SIGKILL) after `acknowledgements` rows and `extraMs`, opens the
 * database as a hub would, and expects every acknowledged row and no half transaction.
 */
export async function crashRound(file: string, firstNumber: number, acknowledgements: number, extraMs: number): Promise<CrashRound> {
  const child = spawn(process.execPath, [WRITER, file, String(firstNumber)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = new Promise((resolve) => void child.once('close', resolve))
  let text = ''
  const heardEnough = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.split('\n').length > acknowledgements) resolve()
    })
  })
  await Promise.race([heardEnough, closed])
  await new Promise((resolve) => void setTimeout(resolve, extraMs))
  child.kill('SIGKILL')
  await closed
  assert.equal(child.signalCode, 'SIGKILL', 'the writer ended by itself')
  const acknowledged = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map(Number)

  const database = await openDatabase({ file })
  const rows = await database.db.selectFrom('audit').select('id').where('id', '>=', firstNumber).execute()
  const twins = await database.db.selectFrom('settings').select('key').execute()
  await database.close()
  const there = new Set(rows.map(({ id }) => id))
  const twinsThere = new Set(twins.map(({ key }) => Number(key)))
  const lost = acknowledged.filter((number) => !there.has(number))
  assert.deepEqual(lost, [], 'acknowledged rows are lost')
  assert.deepEqual(
    [...there].filter((number) => !twinsThere.has(number)),
    [],
    'half of a transaction is there',
  )
  return { acknowledgedRows: acknowledged.length, unheardRows: there.size - acknowledged.length }
}
