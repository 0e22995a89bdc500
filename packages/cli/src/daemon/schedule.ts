import type { ScheduleEntry } from '@shoal/api/daemon-api'

/** A moment as the clock on the wall of this place shows it. */
export interface LocalTime {
  /** 0 is Monday. */
  readonly day: number
  /** Of the day, from 0. */
  readonly minute: number
}

export interface RateLimits {
  /** Bytes a second; null is none. */
  readonly downloadLimit: number | null
  readonly uploadLimit: number | null
}

/** The limits that count at this moment: those of the first entry that fits, else the general ones. */
export function limitsAt(time: LocalTime, schedule: readonly ScheduleEntry[], general: RateLimits): RateLimits {
  const { downloadLimit, uploadLimit } = schedule.find((entry) => fits(entry, time)) ?? general
  return { downloadLimit, uploadLimit }
}

export function localTime(wallClockMs: number): LocalTime {
  const date = new Date(wallClockMs)
  return { day: (date.getDay() + 6) % 7, minute: date.getHours() * 60 + date.getMinutes() }
}

function fits({ days, from, to }: ScheduleEntry, { day, minute }: LocalTime): boolean {
  const [begin, end] = [minuteOf(from), minuteOf(to)]
  if (begin < end) return days.includes(day) && minute >= begin && minute < end
  // It ends on the day after; the same time twice is a whole day.
  return (days.includes(day) && minute >= begin) || (days.includes((day + 6) % 7) && minute < end)
}

function minuteOf(time: string): number {
  const [hours, minutes] = time.split(':')
  return Number(hours) * 60 + Number(minutes)
}
