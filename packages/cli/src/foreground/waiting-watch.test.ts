import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WaitingWatch } from './waiting-watch.ts'

const alone = { phase: 'downloading', peers: [] }
const together = { phase: 'downloading', peers: ['someone'] }

describe('WaitingWatch', () => {
  test('says once that nobody is there, and once that somebody came', () => {
    const watch = new WaitingWatch()
    assert.equal(watch.look(alone, 0), undefined)
    assert.equal(watch.look(alone, 4999), undefined)
    assert.equal(watch.look(alone, 5000), 'waiting')
    assert.equal(watch.look(alone, 60_000), undefined)
    assert.equal(watch.look(together, 61_000), 'going-on')
    assert.equal(watch.look(together, 62_000), undefined)
  })

  test('forgives a short time alone', () => {
    const watch = new WaitingWatch()
    watch.look(alone, 0)
    watch.look(together, 3000)
    assert.equal(watch.look(alone, 6000), undefined)
    assert.equal(watch.look(alone, 10_999), undefined)
    assert.equal(watch.look(alone, 11_000), 'waiting')
  })

  test('has nothing to say of a seed without peers, or of a check', () => {
    const watch = new WaitingWatch()
    for (const phase of ['seeding', 'checking', 'stopped']) {
      watch.look({ phase, peers: [] }, 0)
      assert.equal(watch.look({ phase, peers: [] }, 60_000), undefined)
    }
  })

  test('does not say that it goes on when it only stopped', () => {
    const watch = new WaitingWatch()
    watch.look(alone, 0)
    assert.equal(watch.look(alone, 5000), 'waiting')
    assert.equal(watch.look({ phase: 'stopped', peers: [] }, 6000), undefined)
  })
})
