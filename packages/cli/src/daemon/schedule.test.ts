import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ScheduleEntry } from '@shoal/api/daemon-api'
import { limitsAt } from './schedule.ts'

const GENERAL = { downloadLimit: null, uploadLimit: 900 }
const office: ScheduleEntry = { days: [0, 1, 2, 3, 4], from: '08:30', to: '17:00', downloadLimit: 100, uploadLimit: 50 }
const night: ScheduleEntry = { days: [6], from: '23:00', to: '06:00', downloadLimit: 7, uploadLimit: null }
const at = (day: number, hour: number, minute = 0) => limitsAt({ day, minute: hour * 60 + minute }, [office, night], GENERAL)

describe('the weekly schedule', () => {
  test('counts from its first minute, and ends before its last', () => {
    assert.deepEqual(at(0, 8, 29), GENERAL)
    assert.deepEqual(at(0, 8, 30), { downloadLimit: 100, uploadLimit: 50 })
    assert.deepEqual(at(4, 16, 59), { downloadLimit: 100, uploadLimit: 50 })
    assert.deepEqual(at(4, 17), GENERAL)
    assert.deepEqual(at(5, 12), GENERAL)
  })

  test('goes over midnight, and over the end of the week', () => {
    assert.deepEqual(at(6, 23), { downloadLimit: 7, uploadLimit: null })
    assert.deepEqual(at(0, 5, 59), { downloadLimit: 7, uploadLimit: null })
    assert.deepEqual(at(0, 6), GENERAL)
    assert.deepEqual(at(6, 3), GENERAL)
  })

  test('gives the first entry that fits', () => {
    const all: ScheduleEntry = { days: [0], from: '00:00', to: '00:00', downloadLimit: 1, uploadLimit: 1 }
    assert.deepEqual(limitsAt({ day: 0, minute: 600 }, [office, all], GENERAL), { downloadLimit: 100, uploadLimit: 50 })
    assert.deepEqual(limitsAt({ day: 0, minute: 60 }, [office, all], GENERAL), { downloadLimit: 1, uploadLimit: 1 })
  })
})
