import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import type { TransferEvent, TransferStatus } from '../foreground/transfer-event.ts'
import { JsonLines } from './json-lines.ts'
import { liveLines } from './live-lines.ts'
import { LiveView } from './live-view.ts'
import { PlainLines } from './plain-lines.ts'
import type { Palette, Terminal } from './terminal.ts'
import { widthOf } from './text.ts'

const same = (text: string): string => text
const PLAIN: Palette = { good: same, waiting: same, bad: same, dim: same, strong: same }

/** The few ways in which the views move the cursor, line ends, and what is written. */
const MOVEMENT = /\p{Cc}\[(?:(\d+)A|(J)|(\?25[lh]))|(\n)|\r|(.)/gsu

/** A terminal that remembers what was written. */
class PaperTerminal implements Terminal {
  readonly isTerminal = true
  readonly isLive = true
  readonly palette = PLAIN
  written = ''
  width = 80
  #onResize: (() => void)[] = []

  columns(): number {
    return this.width
  }

  write(text: string): void {
    this.written += text
  }

  onResize(callback: () => void): () => void {
    this.#onResize.push(callback)
    return () => {
      this.#onResize = this.#onResize.filter((each) => each !== callback)
    }
  }

  resize(width: number): void {
    this.width = width
    for (const callback of this.#onResize) callback()
  }

  /** What stands on the screen: the few movements that the views make are carried out. */
  screen(): string[] {
    const rows = ['']
    let row = 0
    for (const [, up, erase, , newline, character] of this.written.matchAll(MOVEMENT)) {
      if (up !== undefined) row = Math.max(0, row - Number(up))
      else if (erase !== undefined) rows.splice(row, rows.length, '')
      else if (newline !== undefined) rows[++row] ??= ''
      else if (character !== undefined) rows[row] += character
    }
    return rows
  }
}

function statusOf(changes: Partial<TransferStatus> = {}): TransferStatus {
  const pieces = Bitfield.empty(100)
  for (let pieceIndex = 0; pieceIndex < 61; pieceIndex++) pieces.set(pieceIndex)
  return {
    name: 'lecture-04',
    phase: 'downloading',
    totalSize: 1_525_000_000,
    wantedSize: 1_525_000_000,
    haveBytes: 930_250_000,
    pieceCount: 100,
    pieces,
    checked: 1,
    downloadRate: 412_000_000,
    uploadRate: 38_000_000,
    downloaded: 930_250_000,
    uploaded: 1_000_000,
    peers: [
      { address: '192.168.1.10:6881', client: 'Shoal 0.1.0', downloadRate: 300, uploadRate: 0 },
      { address: '192.168.1.12:6881', client: 'Shoal 0.1.0', downloadRate: 100, uploadRate: 0 },
    ],
    seedCount: 1,
    etaMs: 1400,
    ...changes,
  }
}

const DONE: TransferEvent = {
  type: 'done',
  name: 'lecture-04',
  bytes: 1_525_000_000,
  downloaded: 1_525_000_000,
  elapsedMs: 3600,
  path: '/home/an/lecture-04',
  staysSharing: false,
}

describe('the live view', () => {
  test('shows where the torrent is, how fast, from whom and how long', () => {
    assert.deepEqual(liveLines(statusOf(), 80, PLAIN), [
      '  lecture-04                                                 1.42 GiB · 2 peers',
      '  ████████████████▓░░░░░░░░░░   61 %  ↓ 412 MB/s   ↑ 38.0 MB/s  1.4 s left',
      '  from 192.168.1.10:6881 75 %, 192.168.1.12:6881 25 %',
    ])
  })

  test('says in words why nothing moves', () => {
    assert.match(
      liveLines(statusOf({ peers: [], downloadRate: 0, etaMs: undefined }), 80, PLAIN)[2] ?? '',
      /nobody who has it is connected/,
    )
    assert.match(liveLines(statusOf({ phase: 'checking', checked: 0.3 }), 80, PLAIN)[2] ?? '', /checking what is here already: 30 %/)
    const magnet = statusOf({
      phase: 'fetching-metadata',
      name: '',
      pieceCount: 0,
      pieces: undefined,
      totalSize: 0,
      wantedSize: 0,
      haveBytes: 0,
      peers: [],
    })
    assert.match(liveLines(magnet, 80, PLAIN).join('\n'), /a magnet link .*size not known yet\n.*\n {2}looking for somebody/)
  })

  test('fits every width, whatever a stranger called it', () => {
    const name = `讲座\u202E${'讲座'.repeat(80)}\u001b[2J`
    for (const phase of [
      'fetching-metadata',
      'checking',
      'downloading',
      'waiting-for-disk',
      'finished',
      'seeding',
      'stopped',
      'failed',
    ] as const) {
      for (let columns = 20; columns < 160; columns++) {
        for (const line of liveLines(statusOf({ name, phase }), columns, PLAIN)) {
          assert.ok(widthOf(line) < columns, `${widthOf(line)} cells in ${columns}: ${line}`)
          assert.ok(!line.includes('\u001b') && !line.includes('\u202E'))
        }
      }
    }
  })

  test('is drawn again in its place, and what is said stays above it', () => {
    const terminal = new PaperTerminal()
    const view = new LiveView(terminal, 'get')
    view.status(statusOf({ haveBytes: 0 }))
    view.status(statusOf())
    view.event({ type: 'waiting', peerCount: 0 })
    view.status(statusOf())
    const screen = terminal.screen()
    assert.match(screen[0] ?? '', /^Nobody who has it is connected/)
    assert.deepEqual(screen.slice(1), [...liveLines(statusOf(), 80, PLAIN), ''])
  })

  test('follows the width of the window', () => {
    const terminal = new PaperTerminal()
    const view = new LiveView(terminal, 'get')
    view.status(statusOf())
    terminal.written = ''
    terminal.resize(40)
    // 80 cells stand in two rows of 40 now: six rows are taken back.
    assert.ok(terminal.written.startsWith('\u001b[6A\r\u001b[J'), JSON.stringify(terminal.written.slice(0, 20)))
    assert.deepEqual(terminal.written.split('\u001b[J')[1]?.split('\n').slice(0, 3), liveLines(statusOf(), 40, PLAIN))
  })

  test('ends with one line, and gives the cursor back', () => {
    const terminal = new PaperTerminal()
    const view = new LiveView(terminal, 'get')
    view.status(statusOf())
    view.event(DONE)
    view.end()
    assert.ok(terminal.written.endsWith('\u001b[?25h'))
    assert.deepEqual(terminal.screen(), ['DONE "lecture-04" ✓ 1.42 GiB in 3.6 s (424 MB/s), every piece verified: /home/an/lecture-04', ''])
  })
})

describe('plain lines', () => {
  test('never move the cursor, and say the same thing once', () => {
    const terminal = new PaperTerminal()
    const view = new PlainLines(terminal, 'get')
    view.status(statusOf())
    view.status(statusOf())
    view.status(statusOf({ phase: 'seeding' }))
    view.event(DONE)
    view.end()
    assert.equal(
      terminal.written,
      ' 61 %  887 MiB of 1.42 GiB  down 412 MB/s  up 38.0 MB/s  2 peers  1.4 s left\n' +
        'DONE "lecture-04" ✓ 1.42 GiB in 3.6 s (424 MB/s), every piece verified: /home/an/lecture-04\n',
    )
  })

  test('begin with READY when a seed is ready', () => {
    const terminal = new PaperTerminal()
    const status = statusOf({ phase: 'seeding', haveBytes: 1_525_000_000, name: 'a\n"b"' })
    new PlainLines(terminal, 'seed').event({ type: 'ready', port: 6881, infoHash: 'ab'.repeat(20), status })
    assert.equal(terminal.written, `READY "a 'b'" port=6881 size=1525000000 have=100% infohash=${'ab'.repeat(20)}\n`)
  })
})

describe('JSON lines', () => {
  test('are one object each, with its event', () => {
    const terminal = new PaperTerminal()
    const view = new JsonLines(terminal)
    view.event({ type: 'ready', port: 6881, infoHash: 'ab', status: statusOf() })
    view.status(statusOf())
    view.status(statusOf())
    view.event(DONE)
    const lines = terminal.written
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      lines.map((line) => line.event),
      ['ready', 'progress', 'done'],
    )
    assert.equal(lines[0]?.name, 'lecture-04')
    assert.equal(lines[0]?.port, 6881)
    assert.deepEqual(lines[1], {
      event: 'progress',
      phase: 'downloading',
      haveBytes: 930_250_000,
      wantedSize: 1_525_000_000,
      totalSize: 1_525_000_000,
      downloadRate: 412_000_000,
      uploadRate: 38_000_000,
      downloaded: 930_250_000,
      uploaded: 1_000_000,
      peers: 2,
      seeds: 1,
      etaMs: 1400,
    })
    assert.equal(lines[2]?.path, '/home/an/lecture-04')
  })
})
