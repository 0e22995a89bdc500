import { setTimeout as pause } from 'node:timers/promises'

const ASK_EVERY_MS = 100

/** @throws when the promise has not settled in time; `what` says what did not happen. */
export async function within<T>(ms: number, promise: Promise<T>, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${ms / 1000} s: ${what()}`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Asks a program that says nothing by itself, until it has an answer. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, { withinMs = 30_000 } = {}): Promise<T> {
  const end = performance.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > end) throw new Error(`Not within ${withinMs / 1000} s: ${what}`)
    await pause(ASK_EVERY_MS)
  }
}
