/** An element as a reader of feeds has it in hand. */
export interface ReadElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly ReadElement[]
  readonly text: string
}

const NAME = '[A-Za-z][A-Za-z0-9:._-]*'
const TAG = new RegExp(`^<(/?)(${NAME})((?:\\s+${NAME}="[^"<]*")*)\\s*(/?)>`)
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Strict: what is not well-formed XML 1.0 of the plain kind (no comments, no sections, one root) throws. */
export function readXml(document: string): ReadElement {
  if (/[^\P{Cc}\t\n\r]|[\ufffe\uffff]|\p{Cs}/u.test(document)) throw new Error('a character that XML has not')
  const start = '<?xml version="1.0" encoding="UTF-8"?>'
  if (!document.startsWith(start)) throw new Error('no declaration')
  const root: Growing = { name: '', attributes: {}, children: [], text: '' }
  const open = [root]
  let rest = document.slice(start.length)
  while (rest !== '') {
    const inner = open.at(-1)!
    const [tag, end, name, pairs, isEmpty] = TAG.exec(rest) ?? []
    if (tag === undefined) {
      const length = rest.indexOf('<') < 0 ? rest.length : rest.indexOf('<')
      if (length === 0) throw new Error(`no tag: ${rest.slice(0, 40)}`)
      inner.text += decoded(rest.slice(0, length))
      rest = rest.slice(length)
      continue
    }
    rest = rest.slice(tag.length)
    if (end === '/') {
      if (open.length === 1 || inner.name !== name) throw new Error(`</${name}> closes <${inner.name}>`)
      open.pop()
      continue
    }
    const attributes: Record<string, string> = {}
    for (const [, key, value] of pairs!.matchAll(new RegExp(`(${NAME})="([^"]*)"`, 'g'))) {
      if (key! in attributes) throw new Error(`${key} is there twice`)
      attributes[key!] = decoded(value!)
    }
    const element: Growing = { name: name!, attributes, children: [], text: '' }
    inner.children.push(element)
    if (isEmpty !== '/') open.push(element)
  }
  if (open.length > 1 || root.children.length !== 1 || root.text.trim() !== '') throw new Error('not one root')
  return root.children[0]!
}

interface Growing {
  name: string
  attributes: Record<string, string>
  children: Growing[]
  text: string
}

function decoded(text: string): string {
  if (/>/.test(text) || /&(?!(?:amp|lt|gt|quot|apos|#\d+);)/.test(text)) throw new Error(`not escaped: ${text}`)
  return text.replace(/&(?:(\w+)|#(\d+));/g, (_, name?: string, code?: string) =>
    name === undefined ? String.fromCodePoint(Number(code)) : ENTITIES[name]!,
  )
}
