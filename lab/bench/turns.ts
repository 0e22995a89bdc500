import type { Figures } from './measure.ts'

/** Somebody who does what a case measures. */
export interface Contender {
  readonly name: string
  /** Whether it is us, or has us on one side: what the others are compared with. */
  readonly isOurs: boolean
  run(): Promise<Figures>
}

export interface Result {
  readonly contender: string
  readonly isOurs: boolean
  readonly rounds: readonly Figures[]
}

export interface Outcome {
  /** Of those who stayed to the end. */
  readonly results: readonly Result[]
  /** The names of those who failed. */
  readonly out: readonly string[]
}

/**
 * Lets the contenders take turns (A B C, A B C, …), so that whatever the machine does meanwhile happens to all of them.
 * A first turn of each is not counted: it warms caches, memory and compiled code. Whoever fails once is out, and said to be.
 */
export async function takeTurns(contenders: readonly Contender[], roundCount: number, say: (line: string) => void): Promise<Outcome> {
  const racing = new Map(contenders.map((contender) => [contender, [] as Figures[]]))
  const out: string[] = []
  for (let round = 0; round <= roundCount; round++) {
    for (const [contender, rounds] of racing) {
      try {
        const figures = await contender.run()
        if (round > 0) rounds.push(figures)
      } catch (error) {
        say(`${contender.name} is out: ${error instanceof Error ? error.message : String(error)}`)
        racing.delete(contender)
        out.push(contender.name)
      }
    }
    say(round === 0 ? 'warmed up' : `round ${round} of ${roundCount}`)
  }
  return { results: [...racing].map(([{ name, isOurs }, rounds]) => ({ contender: name, isOurs, rounds })), out }
}
