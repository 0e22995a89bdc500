import { createHmac, timingSafeEqual } from 'node:crypto'
import { invalid } from './entry-name.ts'

const SEAL_BYTES = 12

/** Where a page ended: the values of the last row that it was sorted by. */
export type Position = readonly (string | number)[]

/**
 * Page cursors: opaque, and sealed together with the question that they belong to, so that nobody makes one up and none is
 * used with another question.
 */
export class PageCursors {
  readonly #key: Uint8Array
  /** @param secret of the hub; what is derived from it here says nothing of it */
  constructor(secret: Uint8Array) {
    this.#key = createHmac('sha256', secret).update('page cursors').digest()
  }

  seal(question: string, position: Position): string {
    const content = Buffer.from(JSON.stringify(position)).toString('base64url')
    return `${content}.${this.#sealOf(question, content)}`
  }

  /** @throws {ProblemError} `VALIDATION` for anything that `seal` did not make for this question */
  open(question: string, cursor: string): Position {
    const [content = '', seal = '', ...rest] = cursor.split('.')
    const given = Buffer.from(seal)
    const expected = Buffer.from(this.#sealOf(question, content))
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw invalid('cursor', 'The cursor does not belong to this question. Ask for the first page, and go on from there')
    }
    return JSON.parse(Buffer.from(content, 'base64url').toString('utf8')) as Position
  }

  #sealOf(question: string, content: string): string {
    const whole = createHmac('sha256', this.#key)
      .update(JSON.stringify([question, content]))
      .digest()
    return whole.subarray(0, SEAL_BYTES).toString('base64url')
  }
}
