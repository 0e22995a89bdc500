import type { HistoryPoint } from '@shoal/api/daemon-api'
import Type, { type Static } from 'typebox'
import type { Documents, StateStore } from './state-store.ts'

const SPANS = {
  day: { stepMs: 60_000, keptMs: 86_400_000 },
  year: { stepMs: 3_600_000, keptMs: 366 * 86_400_000 },
} as const
export type TrafficSpan = keyof typeof SPANS

const Totals = Type.Object({ downloaded: Type.Integer({ minimum: 0 }), uploaded: Type.Integer({ minimum: 0 }) })
type Totals = Static<typeof Totals>

/** How much was moved, by minutes for a day and by hours for a year; time in which nothing was moved takes no space. */
export class Traffic {
  readonly #store: Pick<StateStore, 'addPoint' | 'points'>
  readonly #documents: Documents<Totals>
  #totals: Totals
  /** Since the last `keep`. */
  #fresh: Totals = { downloaded: 0, uploaded: 0 }

  constructor(store: Pick<StateStore, 'collection' | 'addPoint' | 'points'>) {
    this.#store = store
    this.#documents = store.collection('totals', Totals)
    this.#totals = this.#documents.get('all') ?? { downloaded: 0, uploaded: 0 }
  }

  /** Of all time. */
  get totals(): Totals {
    return sum(this.#totals, this.#fresh)
  }

  add(moved: Totals): void {
    this.#fresh = sum(this.#fresh, moved)
  }

  /** Writes down what has come together; once a minute does. */
  keep(now: number): void {
    const fresh = this.#fresh
    if (fresh.downloaded === 0 && fresh.uploaded === 0) return
    this.#totals = sum(this.#totals, fresh)
    this.#fresh = { downloaded: 0, uploaded: 0 }
    void this.#documents.put('all', this.#totals)
    for (const [span, { stepMs, keptMs }] of Object.entries(SPANS)) {
      const at = now - (now % stepMs)
      const before = this.#store.points.find((point) => point.span === span && point.at === at) ?? { downloaded: 0, uploaded: 0 }
      void this.#store.addPoint({ span, at, ...sum(before, fresh) }, now - keptMs)
    }
  }

  /** Every point from the first one on; where nothing was moved it says so. */
  read(span: TrafficSpan, now: number): HistoryPoint[] {
    const { stepMs, keptMs } = SPANS[span]
    const known = new Map(this.#store.points.filter((point) => point.span === span).map((point) => [point.at, point]))
    const last = now - (now % stepMs)
    const first = Math.max(Math.min(last, ...known.keys()), last - keptMs + stepMs)
    const points: HistoryPoint[] = []
    for (let at = first; at <= last; at += stepMs) {
      const { downloaded, uploaded } = known.get(at) ?? { downloaded: 0, uploaded: 0 }
      points.push({ at, downloaded, uploaded })
    }
    return points
  }
}

function sum(a: Totals, b: Totals): Totals {
  return { downloaded: a.downloaded + b.downloaded, uploaded: a.uploaded + b.uploaded }
}
