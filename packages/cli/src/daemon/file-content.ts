import { ProblemError } from '@shoal/api/problem'
import type { HeldTorrent } from './held-torrent.ts'
import type { FileContent } from './peer-desk.ts'

/** One file of a torrent that runs, to be read while it comes. @throws {ProblemError} `CONFLICT`, `NOT_FOUND` */
export function fileContent(held: HeldTorrent, fileIndex: number): FileContent {
  const { engine, record } = held
  if (engine?.info === undefined) {
    const why = engine === undefined ? 'it does not run. Resume it first' : 'its metadata has not come yet. Try again in a moment'
    throw new ProblemError('CONFLICT', `Cannot read from '${record.title ?? record.name}': ${why}`)
  }
  const file = engine.info.files[fileIndex]
  if (file === undefined || file.isPadding) throw new ProblemError('NOT_FOUND', `'${record.name}' has no file ${fileIndex}`)
  if (record.priorities?.[fileIndex] === '0') {
    throw new ProblemError(
      'CONFLICT',
      `Cannot read '${file.path.join('/')}': it is not wanted, so its bytes never come. Give it a priority first`,
    )
  }
  return {
    name: file.path.at(-1) ?? record.name,
    size: file.length,
    version: `${record.id}-${fileIndex}`,
    read: ({ begin, end }, signal) => untilAborted(engine.stream(fileIndex, { start: begin, end }), signal),
  }
}

/** Ends at once when it is called off, also while it waits for a piece that may never come. */
async function* untilAborted(
  source: AsyncGenerator<Uint8Array, void, undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const aborted = Promise.withResolvers<undefined>()
  const onAbort = (): void => aborted.resolve(undefined)
  if (signal?.aborted === true) return
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      const next = await Promise.race([source.next(), aborted.promise])
      if (next === undefined || next.done === true) return
      yield next.value
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // It may wait for its piece until the torrent stops; nobody waits for it.
    source.return().catch(() => {})
  }
}
