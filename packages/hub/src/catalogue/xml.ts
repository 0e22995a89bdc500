/** An element whose content is text, or other elements, or nothing. */
export interface XmlElement {
  readonly name: string
  readonly attributes?: Readonly<Record<string, string | number>>
  readonly content?: string | number | readonly XmlElement[]
}

export function xmlDocument(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${rendered(root, '')}\n`
}

function rendered({ name, attributes = {}, content }: XmlElement, indent: string): string {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
  const opening = `${indent}<${name}${pairs.join('')}`
  if (content === undefined) return `${opening}/>`
  if (typeof content !== 'object') return `${opening}>${escaped(String(content))}</${name}>`
  return [`${opening}>`, ...content.map((child) => rendered(child, `${indent}  `)), `${indent}</${name}>`].join('\n')
}

/** What XML 1.0 has no place for at all, not even written as a number. */
const IMPOSSIBLE = /[^\P{Cc}\t\n\r]|[\ufffe\uffff]|\p{Cs}/gu
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

function escaped(text: string): string {
  return text.replace(IMPOSSIBLE, '').replace(/[&<>"'\n\r\t]/g, (character) => ENTITIES[character]!)
}
