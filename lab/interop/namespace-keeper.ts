import { createInterface } from 'node:readline'
import { answerOf } from './host.ts'
import type { KeeperAnswer, KeeperQuestion } from './namespace-host.ts'

/*
 * Keeps a network namespace alive by being in it, and asks HTTP questions there for a test that is outside.
 * It ends, and the namespace with it, when its standard input closes.
 */

for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0))
process.stdout.write('READY\n')
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, question } = JSON.parse(line) as KeeperQuestion
    answerOf(question).then(
      ({ status, headers, body }) => say({ id, answer: { status, headers, base64: Buffer.from(body).toString('base64') } }),
      (error: Error) => say({ id, error: `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}` }),
    )
  })
  .on('close', () => process.exit(0))

function say(answer: KeeperAnswer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
