import { decodeUtf8 } from './bytes.ts'

/**
 * Text from a stranger, fit for a terminal, a log or a page: control characters, line breaks, marks that
 * turn the direction of writing and characters without width become one space or nothing, and the whole
 * is cut to `maxCharacters`. (File names have their own, stricter sanitiser.)
 */
export function cleanText(given: string | Uint8Array, maxCharacters: number): string {
  // At most four bytes a character: what is behind that can never be shown.
  const text = typeof given === 'string' ? given : decodeUtf8(given.subarray(0, maxCharacters * 4))
  const visible = text.replace(INVISIBLE, '').replace(BREAKS, ' ').trimStart()
  let cut = ''
  let count = 0
  for (const character of visible) {
    if (count++ === maxCharacters) break
    cut += character
  }
  return cut.trimEnd()
}

/** Format characters (bidi marks, zero width, tags, soft hyphen), lone surrogates, private use. */
const INVISIBLE = /[\p{Cf}\p{Cs}\p{Co}]/gu
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}\s]+/gu
