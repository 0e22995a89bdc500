/**
 * Works through the items with at most `laneCount` of them under way. The first failure stops the taking of new
 * items and is thrown once the others under way have ended, so nothing goes on behind the caller's back. Lanes count from 0.
 */
export async function inLanes<Item>(
  laneCount: number,
  items: Iterable<Item>,
  work: (item: Item, lane: number) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]()
  let failure: { readonly error: unknown } | undefined
  const run = async (lane: number): Promise<void> => {
    for (let next = queue.next(); failure === undefined && !next.done; next = queue.next()) {
      try {
        await work(next.value, lane)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: laneCount }, (_, lane) => run(lane)))
  if (failure !== undefined) throw failure.error
}
