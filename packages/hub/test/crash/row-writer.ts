/**
 * Writes rows until it is killed, and prints the number of each when it is acknowledged. Each row has a twin in another
 * table, written in the same transaction.
 *
 *     node row-writer.ts <database file> <first number>
 */

import { writeSync } from 'node:fs'
import { openDatabase } from '../../src/database/database.ts'

const [, , file = '', first = '0'] = process.argv
/** Writes that are under way at once, as from several callers. */
const CALLERS = 4

const database = await openDatabase({ file })
let next = Number(first)

async function write(): Promise<void> {
  for (;;) {
    const number = next++
    await database.transaction(async (trx) => {
      await trx
        .insertInto('audit')
        .values({ id: number, at: 0, actor_name: '', action: '', subject: 'x'.repeat(200) })
        .execute()
      await trx
        .insertInto('settings')
        .values({ key: String(number), value: '' })
        .execute()
    })
    // Synchronous: an acknowledgement that a dead process still had in memory would be none.
    writeSync(1, `${number}\n`)
  }
}

await Promise.all(Array.from({ length: CALLERS }, write))
