/** Bytes of a file; the end is excluded. */
export interface ByteSpan {
  readonly begin: number
  readonly end: number
}

/**
 * What a `Range` header asks for (RFC 9110, 14): one span. All of the file where it asks for several, or in units that we do not
 * have; undefined where no byte of what it asks for exists.
 */
export function byteRange(header: string | undefined, size: number): { readonly span: ByteSpan; readonly isPart: boolean } | undefined {
  const all = { span: { begin: 0, end: size }, isPart: false }
  const [, first, last] = /^bytes=\s*(\d{0,16})\s*-\s*(\d{0,16})\s*$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return all
  if (first === '') {
    const length = Math.min(size, Number(last))
    return length === 0 ? undefined : { span: { begin: size - length, end: size }, isPart: true }
  }
  const begin = Number(first)
  if (last !== '' && Number(last) < begin) return all
  if (begin >= size) return undefined
  return { span: { begin, end: last === '' ? size : Math.min(size, Number(last) + 1) }, isPart: true }
}
