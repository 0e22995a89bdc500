/** Something that will happen at an instant. */
export interface QueuedEvent {
  readonly timeMs: number
  readonly sequence: number
  /** Undefined once cancelled or run: a dead event stays in the heap until its time comes. */
  callback: (() => void) | undefined
}

/** A binary heap by time; what was queued first for the same instant happens first. */
export class EventQueue {
  readonly #heap: QueuedEvent[] = []
  #nextSequence = 0

  add(timeMs: number, callback: () => void): QueuedEvent {
    const event: QueuedEvent = { timeMs, sequence: this.#nextSequence++, callback }
    const heap = this.#heap
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = event
    return event
  }

  /** The next living event, which stays in the queue. */
  peek(): QueuedEvent | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.callback === undefined) this.#removeFirst()
    return this.#heap[0]
  }

  /** How many events are still to happen. O(n): for tests. */
  get livingCount(): number {
    return this.#heap.filter(({ callback }) => callback !== undefined).length
  }

  take(): QueuedEvent | undefined {
    const event = this.peek()
    if (event !== undefined) this.#removeFirst()
    return event
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence)
}
