/** What `--cpu-prof` writes, as far as we read it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  /** The node that ran at each sample. */
  readonly samples: readonly number[]
  /** Microseconds since the sample before it. */
  readonly timeDeltas: readonly number[]
}

export interface FunctionTime {
  /** `name file.ts:12` */
  readonly name: string
  /** Spent in the function itself, not in what it calls. */
  readonly selfMs: number
}

/** How long each function ran, the longest first; all its callers together. Waiting is `(idle)`, collecting garbage `(garbage collector)`. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): FunctionTime[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  for (const [at, node] of samples.entries()) {
    const name = names.get(node) ?? '(unknown)'
    // A sample says where the thread is now: it stays there until the next one.
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[at + 1] ?? 0) / 1000)
  }
  return [...times].map(([name, selfMs]) => ({ name, selfMs })).sort((a, b) => b.selfMs - a.selfMs)
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  // Lines count from 0 in a profile.
  return url === '' ? name : `${name} ${url.startsWith('node:') ? url : url.slice(url.lastIndexOf('/') + 1)}:${lineNumber + 1}`
}
