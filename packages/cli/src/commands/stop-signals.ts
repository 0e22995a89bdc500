/** Ctrl-C, the end of the terminal, and what a supervisor sends. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const

export type StopSignal = keyof typeof SIGNALS

/** How a shell counts the end by that signal: 130 for Ctrl-C. */
export function exitStatusOfSignal(signal: StopSignal): number {
  return 128 + SIGNALS[signal]
}

/**
 * The first signal asks to stop, and everything is put in order; a second one leaves at once.
 */
export class StopSignals {
  readonly #received: Promise<StopSignal>
  readonly #listeners: (readonly [StopSignal, () => void])[] = []
  #first: StopSignal | undefined

  /** @param others mean something else to whoever asks */
  constructor(others: readonly StopSignal[] = []) {
    this.#received = new Promise((resolve) => {
      for (const signal of Object.keys(SIGNALS) as StopSignal[]) {
        if (others.includes(signal)) continue
        const listener = (): void => {
          if (this.#first !== undefined) process.exit(exitStatusOfSignal(signal))
          this.#first = signal
          resolve(signal)
        }
        process.on(signal, listener)
        this.#listeners.push([signal, listener])
      }
    })
  }

  /** The signal that came, if one came. */
  get first(): StopSignal | undefined {
    return this.#first
  }

  whenReceived(): Promise<StopSignal> {
    return this.#received
  }

  ignore(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener)
  }
}
