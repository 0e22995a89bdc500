import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { HubRoute } from './route.ts'

/** One figure, or one a label, in the words of Prometheus. */
export interface Metric {
  /** With its unit at the end: `shoal_hub_swarm_peers`, `…_seconds`, `…_total` for what only grows. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly values: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[]
}

/** Upper bounds of the spans that answers are counted in. */
const BUCKETS_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10]

interface RouteCounts {
  readonly byStatus: Map<number, number>
  readonly buckets: number[]
  count: number
  seconds: number
}

/** What the web door has answered, and how the process is: text for Prometheus, labels from our own routes only. */
export class WebMetrics {
  readonly #routes = new Map<string, RouteCounts>()
  readonly #delay = monitorEventLoopDelay({ resolution: 20 })

  constructor() {
    this.#delay.enable()
  }

  close(): void {
    this.#delay.disable()
  }

  /** For `WebDoorOptions.onAnswered`. */
  readonly onAnswered = (route: HubRoute | undefined, status: number, tookMs: number): void => {
    const name = route === undefined ? 'none' : `${route.method} ${route.url}`
    const counts = this.#routes.get(name) ?? {
      byStatus: new Map<number, number>(),
      buckets: BUCKETS_SECONDS.map(() => 0),
      count: 0,
      seconds: 0,
    }
    this.#routes.set(name, counts)
    counts.byStatus.set(status, (counts.byStatus.get(status) ?? 0) + 1)
    counts.count++
    counts.seconds += tookMs / 1_000
    for (const [at, bound] of BUCKETS_SECONDS.entries()) if (tookMs / 1_000 <= bound) counts.buckets[at]!++
  }

  text(more: readonly Metric[]): string {
    const memory = process.memoryUsage()
    const requests = [...this.#routes].flatMap(([route, { byStatus }]) =>
      [...byStatus].map(([status, value]) => ({ labels: { route, status: `${status}` }, value })),
    )
    const delay = this.#delay.count === 0 ? 0 : this.#delay.percentile(99) / 1e9
    return [
      ...more,
      { name: 'shoal_http_requests_total', help: 'Requests answered, by route and status', type: 'counter', values: requests } as const,
      gauge('process_resident_memory_bytes', 'Memory of the process', memory.rss),
      gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use', memory.heapUsed),
      gauge('nodejs_eventloop_lag_p99_seconds', 'How late the event loop came to its work, 99 of 100 times at most', delay),
    ]
      .map(textOf)
      .concat(this.#durations())
      .join('')
  }

  #durations(): string {
    const name = 'shoal_http_request_duration_seconds'
    const lines = [`# HELP ${name} How long answers took\n# TYPE ${name} histogram\n`]
    for (const [route, { buckets, count, seconds }] of this.#routes) {
      const label = labelsOf({ route }).slice(0, -1)
      for (const [at, bound] of BUCKETS_SECONDS.entries()) lines.push(`${name}_bucket${label},le="${bound}"} ${buckets[at]}\n`)
      lines.push(`${name}_bucket${label},le="+Inf"} ${count}\n${name}_sum${label}} ${seconds}\n${name}_count${label}} ${count}\n`)
    }
    return lines.join('')
  }
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: 'gauge', values: [{ value }] }
}

function textOf({ name, help, type, values }: Metric): string {
  const lines = values.map(({ labels = {}, value }) => `${name}${labelsOf(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/["\\\n]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`))}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
