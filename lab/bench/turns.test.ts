import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Contender, takeTurns } from './turns.ts'

describe('turns', () => {
  test('go round, and the first of each does not count', async () => {
    const order: string[] = []
    const contender = (name: string): Contender => ({
      name,
      isOurs: name === 'a',
      run: () => Promise.resolve({ wallSeconds: order.push(name) }),
    })
    const { results, out } = await takeTurns([contender('a'), contender('b')], 2, () => {})
    assert.equal(order.join(' '), 'a b a b a b')
    assert.deepEqual(results, [
      { contender: 'a', isOurs: true, rounds: [{ wallSeconds: 3 }, { wallSeconds: 5 }] },
      { contender: 'b', isOurs: false, rounds: [{ wallSeconds: 4 }, { wallSeconds: 6 }] },
    ])
    assert.deepEqual(out, [])
  })

  test('go on without whoever fails, and say so', async () => {
    const said: string[] = []
    const good: Contender = { name: 'good', isOurs: true, run: () => Promise.resolve({ wallSeconds: 1 }) }
    const bad: Contender = { name: 'bad', isOurs: false, run: () => Promise.reject(new Error('it lost a byte')) }
    const { results, out } = await takeTurns([bad, good], 1, (line) => said.push(line))
    assert.deepEqual(
      results.map(({ contender }) => contender),
      ['good'],
    )
    assert.deepEqual(out, ['bad'])
    assert.equal(said[0], 'bad is out: it lost a byte')
  })
})
