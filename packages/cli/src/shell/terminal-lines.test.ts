import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { TerminalLines } from './terminal-lines.ts'

/** A keyboard and a screen, as a terminal has them. */
class Desk {
  readonly history: string[] = []
  readonly lines: TerminalLines
  cancelled = 0
  readonly #keyboard: PassThrough = new PassThrough()
  readonly #screen: PassThrough = new PassThrough()
  #shown = ''
  #everything = ''

  constructor(history: readonly string[] = [], complete?: (line: string) => Promise<readonly [readonly string[], string]>) {
    this.#screen.setEncoding('utf8').on('data', (text: string) => {
      this.#shown += text
      this.#everything += text
    })
    const keyboard = Object.assign(this.#keyboard, { isTTY: true, setRawMode: () => keyboard }) as unknown as NodeJS.ReadStream
    const screen = Object.assign(this.#screen, { isTTY: true, columns: 80, rows: 24 }) as unknown as NodeJS.WriteStream
    this.lines = new TerminalLines({
      input: keyboard,
      output: screen,
      prompt: 'shoal> ',
      history: { lines: history, add: (line) => this.history.push(line) },
      complete: complete ?? (async () => [[], '']),
      onCancel: () => this.cancelled++,
    })
  }

  /** A key, or what is pasted; resolves when it has been taken. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      this.#keyboard.write(key)
      await new Promise(setImmediate)
    }
  }

  /** What was shown since the last look, without colours and movements. */
  seen(): string {
    const text = this.#shown
    this.#shown = ''
    return stripVTControlCharacters(text).replaceAll('\r', '')
  }

  /** What stands on the screen, from everything that was ever shown: the few movements of a line editor are carried out. */
  screen(): string[] {
    const rows = ['']
    let row = 0
    let column = 0
    for (const [, count, way, newline, , character] of this.#everything.matchAll(MOVEMENT)) {
      const steps = Number(count || 1)
      if (way === 'A') row = Math.max(0, row - steps)
      else if (way === 'G') column = steps - 1
      else if (way === 'J') rows.splice(row, rows.length, (rows[row] ?? '').slice(0, column))
      else if (newline !== undefined) {
        row++
        column = 0
        rows[row] ??= ''
      } else if (character === '\r') column = 0
      else if (character !== undefined) {
        rows[row] = (rows[row] ?? '').slice(0, column).padEnd(column) + character + (rows[row] ?? '').slice(column + 1)
        column++
      }
    }
    return rows
  }

  /** As when the window is closed. */
  break(): void {
    this.#keyboard.emit('error', Object.assign(new Error('setRawMode EIO'), { code: 'EIO' }))
  }

  hangUp(): void {
    this.#keyboard.end()
  }
}

/** The movements that readline and we make, line ends, and what is written. */
const MOVEMENT = /\p{Cc}\[(\d*)([A-Z])|(\n)|(\p{Cc}\[[^A-Z]*[a-z])|([\s\S])/gu

const UP = '\u001b[A'
const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

describe('TerminalLines', () => {
  test('gives lines, and fetches earlier ones back', async () => {
    const desk = new Desk(['list_peers', 'start'])
    const first = desk.lines.next()
    await desk.press('p', 'ing x\r')
    assert.equal(await first, 'ping x')
    const second = desk.lines.next()
    await desk.press(UP, UP, UP, '\r')
    assert.equal(await second, 'start')
    assert.deepEqual(desk.history, ['ping x', 'start'])
    desk.lines.close()
  })

  test('does not remember what is empty, or begins with a space', async () => {
    const desk = new Desk()
    for (const typed of ['\r', '  secret\r']) {
      const line = desk.lines.next()
      await desk.press(typed)
      await line
    }
    assert.deepEqual(desk.history, [])
    desk.lines.close()
  })

  test('a password is not shown, and not remembered', async () => {
    const desk = new Desk()
    const line = desk.lines.next()
    await desk.press('register an\r')
    await line
    desk.seen()
    const answer = desk.lines.ask('Password: ', 'secret', new AbortController().signal)
    await desk.press('pass', 'wörd', '\u007f', 'd\r')
    assert.equal(await answer, 'passwörd')
    assert.equal(desk.seen(), 'Password: \n')
    const next = desk.lines.next()
    await desk.press(UP, '\r')
    assert.equal(await next, 'register an')
    assert.deepEqual(desk.history, ['register an', 'register an'])
    assert.doesNotMatch(desk.seen(), /pass/)
    desk.lines.close()
  })

  test('a question is answered in the open', async () => {
    const desk = new Desk()
    const answer = desk.lines.ask('Colour? ', 'open', new AbortController().signal)
    await desk.press('blue\r')
    assert.equal(await answer, 'blue')
    assert.match(desk.seen(), /Colour\? blue/)
    desk.lines.close()
  })

  test('Ctrl-C gives up a question, cancels what runs, and empties the line', async () => {
    const desk = new Desk()
    const controller = new AbortController()
    const answer = desk.lines.ask('Password: ', 'secret', controller.signal)
    await desk.press('half', CTRL_C)
    assert.equal(desk.cancelled, 1)
    controller.abort(new Error('stop'))
    await assert.rejects(answer, /stop/)
    await desk.press(CTRL_C)
    assert.equal(desk.cancelled, 2)
    const line = desk.lines.next()
    await desk.press('wrong', CTRL_C, 'right\r')
    assert.equal(await line, 'right')
    assert.equal(desk.cancelled, 2)
    desk.lines.close()
  })

  test('what is written stands above the line that is being typed', async () => {
    const desk = new Desk()
    const line = desk.lines.next()
    await desk.press('list_', 'pe')
    desk.seen()
    desk.lines.write('binh is here\n')
    assert.equal(desk.seen(), 'binh is here\nshoal> list_pe')
    await desk.press('ers\r')
    assert.equal(await line, 'list_peers')
    desk.seen()
    desk.lines.write('an answer\n')
    assert.equal(desk.seen(), 'an answer\n', 'while a verb runs there is no prompt')
    desk.lines.close()
  })

  test('live lines are drawn again in place, above what is typed, and go below the line that was taken', async () => {
    const desk = new Desk()
    const line = desk.lines.next()
    await desk.press('li')
    desk.lines.live(['lecture 10 %', '====      '])
    desk.lines.live(['lecture 20 %', '========  '])
    desk.lines.write('binh is here\n')
    await desk.press('st\r')
    assert.equal(await line, 'list')
    assert.deepEqual(desk.screen(), ['binh is here', 'shoal> list', 'lecture 20 %', '========  ', ''])
    desk.lines.write('an answer\n')
    void desk.lines.next()
    await desk.press('x')
    desk.lines.live([])
    assert.deepEqual(desk.screen(), ['binh is here', 'shoal> list', 'an answer', 'shoal> x'])
    desk.lines.close()
  })

  test('nothing live disturbs a password', async () => {
    const desk = new Desk()
    desk.lines.live(['lecture 10 %'])
    const answer = desk.lines.ask('Password: ', 'secret', new AbortController().signal)
    desk.lines.live(['lecture 20 %'])
    await desk.press('secret\r')
    assert.equal(await answer, 'secret')
    assert.deepEqual(desk.screen(), ['Password: ', ''])
    desk.lines.close()
  })

  test('what is typed too early is the next line', async () => {
    const desk = new Desk()
    const first = desk.lines.next()
    await desk.press('one\r')
    await first
    await desk.press('two\r')
    assert.equal(await desk.lines.next(), 'two')
    desk.lines.close()
  })

  test('completes the word, and nothing while it cannot look up', async () => {
    let answers = 0
    const desk = new Desk([], async (line) => {
      if (answers++ > 0) throw new Error('the hub is gone')
      return [['"Bình Nguyễn" '], line.slice(5)]
    })
    const line = desk.lines.next()
    await desk.press('ping ', 'b', '\t', '\t', '6881\r')
    assert.equal(await line, 'ping "Bình Nguyễn" 6881')
    desk.lines.close()
  })

  test('ends with Ctrl-D, with the keyboard, and when it is closed', async () => {
    const byKey = new Desk()
    const line = byKey.lines.next()
    await byKey.press(CTRL_D)
    assert.equal(await line, undefined)
    const byHangUp = new Desk()
    const another = byHangUp.lines.next()
    byHangUp.hangUp()
    assert.equal(await another, undefined)
    const byBreak = new Desk()
    const broken = byBreak.lines.next()
    byBreak.break()
    assert.equal(await broken, undefined)
    byBreak.lines.close()
    const byClose = new Desk()
    const last = byClose.lines.next()
    byClose.lines.close()
    assert.equal(await last, undefined)
    assert.equal(await byClose.lines.next(), undefined)
    assert.equal(await byClose.lines.ask('x', 'secret', new AbortController().signal), undefined)
  })
})
