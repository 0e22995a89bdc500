import assert from 'node:assert/strict'
import { request } from 'node:http'
import { describe, test } from 'node:test'
import type { DaemonEvent } from '@shoal/api/daemon-api'
import { SentEventReader } from '@shoal/api/server-sent-events'
import { AS_OWNER, type DaemonDoor, openDaemonDoor, rawCall } from './daemon-door.ts'
import { FIRST_ID, OTHER_ID, torrentItem } from './fake-desk.ts'

interface OpenNews {
  /** Waits for so many more. */
  next(count: number): Promise<DaemonEvent[]>
  readonly lastId: () => string
  close(): Promise<void>
}

function readNews({ server }: DaemonDoor, query: string = '', lastId?: string): Promise<OpenNews> {
  const events: DaemonEvent[] = []
  let onMore: () => void = () => undefined
  const reader = new SentEventReader(({ data }) => events.push(JSON.parse(data) as DaemonEvent))
  const headers = { ...AS_OWNER, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) }
  return new Promise((resolve, reject) => {
    const call = request(`${server.url}/v1/events${query}`, { headers }, (response) => {
      assert.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8')
      const closed = new Promise<void>((done) => {
        response.on('close', done)
      })
      response.on('error', () => undefined) // ours: we hang up
      response.setEncoding('utf8').on('data', (text: string) => {
        reader.push(text)
        onMore()
      })
      const next = async (count: number): Promise<DaemonEvent[]> => {
        while (events.length < count) {
          await new Promise<void>((more) => {
            onMore = more
          })
        }
        return events.splice(0, count)
      }
      const close = async (): Promise<void> => {
        call.destroy()
        await closed
      }
      resolve({ next, lastId: () => reader.lastId, close })
    })
    call.on('error', reject)
    call.end()
  })
}

describe('the news of a daemon', () => {
  test('come to everybody who listens, pieces only to who watches', async () => {
    await using door = await openDaemonDoor()
    const { desk } = door
    desk.torrents.push(torrentItem(OTHER_ID))
    const [one, other] = [await readNews(door), await readNews(door, `?watch=${FIRST_ID}&watch=${OTHER_ID}`)]
    const third = await readNews(door, `?watch=${FIRST_ID}`)
    assert.deepEqual(
      [...desk.watched],
      [
        [FIRST_ID, 1],
        [OTHER_ID, 1],
      ],
    )
    desk.tell({ type: 'pieces', id: FIRST_ID, pieces: '0-3' })
    desk.tell({ type: 'settings-changed' })
    assert.deepEqual(await one.next(1), [{ type: 'settings-changed' }])
    assert.deepEqual(await other.next(2), [{ type: 'pieces', id: FIRST_ID, pieces: '0-3' }, { type: 'settings-changed' }])
    await Promise.all([one.close(), other.close(), third.close()])
    // the daemon hears of it a moment later
    while ([...desk.watched.values()].some((watches) => watches > 0)) await new Promise((resolve) => void setImmediate(resolve))
  })

  test('go on where a reader broke off, and say so when they cannot', async () => {
    await using door = await openDaemonDoor()
    const first = await readNews(door)
    door.desk.tell({ type: 'settings-changed' })
    await first.next(1)
    const lastId = first.lastId()
    await first.close()
    door.desk.tell({ type: 'torrents', changed: [], removed: [FIRST_ID] })
    const again = await readNews(door, '', lastId)
    assert.deepEqual(await again.next(1), [{ type: 'torrents', changed: [], removed: [FIRST_ID] }])
    await again.close()
    const late = await readNews(door, '', '17')
    assert.deepEqual(await late.next(1), [{ type: 'reset' }])
    await late.close()
  })

  test('are refused of a torrent that is not here', async () => {
    await using door = await openDaemonDoor()
    const answer = await rawCall(`${door.server.url}/v1/events?watch=${OTHER_ID}`, 'GET', AS_OWNER)
    assert.equal(answer.status, 404)
    assert.equal(door.desk.listeners, 0)
  })

  test('tell of very many torrents in several events', async () => {
    await using door = await openDaemonDoor()
    const news = await readNews(door)
    const changed = Array.from({ length: 450 }, (_, at) => torrentItem(at.toString(16).padStart(40, '0')))
    door.desk.tell({ type: 'torrents', changed, removed: [FIRST_ID] })
    const events = await news.next(3)
    assert.deepEqual(
      events.map((event) => (event.type === 'torrents' ? [event.changed.length, event.removed.length] : [])),
      [
        [200, 1],
        [200, 0],
        [50, 0],
      ],
    )
    await news.close()
  })

  test('cost the desk nothing before somebody listens, and end with the daemon', async () => {
    const door = await openDaemonDoor()
    assert.equal(door.desk.listeners, 0)
    const news = await readNews(door)
    const second = await readNews(door)
    assert.equal(door.desk.listeners, 1)
    await door[Symbol.asyncDispose]()
    assert.equal(door.desk.listeners, 0)
    await Promise.all([news.close(), second.close()])
  })
})
