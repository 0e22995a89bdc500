import { type ChildProcess, fork } from 'node:child_process'

/** What a process of the bench does when it is told to: one function an order. */
export type Service = Readonly<Record<string, (order: never) => unknown>>

interface Order {
  readonly id: number
  readonly name: string
  readonly order: unknown
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** Carries out the orders of the process that started this one, and ends with it. */
export function serve(service: Service): void {
  process.on('disconnect', () => process.exit())
  process.on('message', (message: Order) => {
    const carryOut = service[message.name] as ((order: unknown) => unknown) | undefined
    Promise.resolve()
      .then(() => carryOut?.(message.order))
      .then(
        (result) => process.send?.({ id: message.id, result }),
        (error: unknown) =>
          process.send?.({ id: message.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      )
  })
}

/** A process that serves, seen from the one that started it. */
export class Servant<S extends Service> {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #lastId = 0

  constructor(program: URL, nodeOptions: readonly string[] = []) {
    this.#child = fork(program, { execArgv: [...nodeOptions], serialization: 'advanced' })
    this.#child.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer))
    this.#child.on('exit', (code, signal) => {
      for (const [id, answer] of this.#waiting) answer({ id, error: `${program.pathname} ended with ${code ?? signal}` })
    })
  }

  ask<Name extends keyof S & string>(name: Name, order: Parameters<S[Name]>[0]): Promise<Awaited<ReturnType<S[Name]>>> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id)
        if (error === undefined) resolve(result as Awaited<ReturnType<S[Name]>>)
        else reject(new Error(`${name}: ${error}`))
      })
      this.#child.send({ id, name, order } satisfies Order)
    })
  }

  /** Ends the process; resolves when it is gone. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.disconnect()
    await gone
  }
}
