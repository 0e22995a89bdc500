import { DaemonEvent } from '@shoal/api/daemon-api'
import { EventFeed } from '@shoal/api/event-feed'
import type { PeerWorld } from './peer-world.ts'

export interface NewsWanted<T> {
  /** The torrent whose pieces are news, too. */
  readonly watch?: string
  /** How it is now: at the beginning, and whenever news may have been lost. */
  readonly look: (signal: AbortSignal) => Promise<T | undefined>
  readonly hear: (event: DaemonEvent) => T | undefined
}

/**
 * Waits for something of the daemon: looks, and then listens, so that nothing that happens in between is missed.
 *
 * @returns the first answer of `look` or `hear` @throws what they throw, and the signal's reason
 */
export async function untilNews<T>(
  { client, chance }: Pick<PeerWorld, 'client' | 'chance'>,
  signal: AbortSignal,
  { watch, look, hear }: NewsWanted<T>,
): Promise<T> {
  const stop = new AbortController()
  let end: { readonly answer: T } | { readonly error: unknown } | undefined
  const settle = (how: { readonly answer: T } | { readonly error: unknown }): void => {
    end ??= how
    stop.abort()
  }
  const lookNow = (): void => {
    look(stop.signal).then(
      (answer) => {
        if (answer !== undefined) settle({ answer })
      },
      (error: unknown) => settle({ error }),
    )
  }
  const { url, token, platform } = client
  const feed = new EventFeed(
    { url, token, platform, chance, schema: DaemonEvent, kind: 'daemon', ...(watch === undefined ? {} : { watch }) },
    {
      onOpen: lookNow,
      onEvent: (event) => {
        if (end !== undefined) return
        if (event.type === 'reset') return lookNow()
        try {
          const answer = hear(event)
          if (answer !== undefined) settle({ answer })
        } catch (error) {
          settle({ error })
        }
      },
    },
  )
  await feed.run(AbortSignal.any([signal, stop.signal]))
  signal.throwIfAborted()
  if (end === undefined) throw new Error('Cannot happen: a feed ended by itself')
  if ('error' in end) throw end.error
  return end.answer
}
