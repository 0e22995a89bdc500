import { renderUnicodeCompact } from 'uqr'

/** A link as a code that a phone reads off the screen. */
export function qrLines(link: string): string[] {
  return renderUnicodeCompact(link, { border: 2 })
    .split('\n')
    .map((line) => `  ${line}`)
}
