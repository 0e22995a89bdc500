import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CpuProfile, selfTimes } from './profile-summary.ts'

function node(id: number, functionName: string, url = '', lineNumber = -1): CpuProfile['nodes'][number] {
  return { id, callFrame: { functionName, url, lineNumber } }
}

describe('a summary of a CPU profile', () => {
  test('adds up what each function took itself, whoever called it, and says the longest first', () => {
    const times = selfTimes({
      nodes: [
        node(1, '(root)'),
        node(2, 'push', 'file:///x/decoder.ts', 9),
        node(3, '', 'node:net', 99),
        node(4, 'push', 'file:///x/decoder.ts', 9),
      ],
      samples: [2, 3, 4, 2],
      timeDeltas: [500, 1000, 2000, 4000],
    })
    assert.deepEqual(times, [
      { name: 'push decoder.ts:10', selfMs: 5 },
      { name: '(anonymous) node:net:100', selfMs: 2 },
    ])
  })

  test('is empty for an empty profile', () => {
    assert.deepEqual(selfTimes({ nodes: [], samples: [], timeDeltas: [] }), [])
  })
})
