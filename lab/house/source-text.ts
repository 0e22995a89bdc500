/** A source file with everything taken out that is not code, so that rules can be looked for with plain patterns. */
export interface SourceText {
  /** The file with comments and regular expressions blanked and each string's content replaced by its number in `strings`. Lines stay where they are. */
  readonly code: string
  readonly strings: readonly string[]
}

/**
 * Reads JavaScript or TypeScript just far enough to tell code from comments, strings and regular expressions.
 *
 * `import('./x.ts') // not Date.now()` becomes `import('0')` with `strings[0] === './x.ts'`. The expressions inside a
 * template string stay code. A string that is not closed ends with its line: JSX text may hold a lone apostrophe.
 */
export function readSource(text: string): SourceText {
  const strings: string[] = []
  let code = ''
  let at = 0
  /** One entry for each template we are inside of: how many braces are open in its current `${`. */
  const templates: number[] = []

  const takeTemplate = (): void => {
    const start = at
    while (at < text.length && text[at] !== '`' && !(text[at] === '$' && text[at + 1] === '{')) at += text[at] === '\\' ? 2 : 1
    const content = text.slice(start, at)
    code += `${strings.length}${newlinesOf(content)}`
    strings.push(content)
    if (text[at] === '$') {
      templates.push(0)
      code += ' ${'
      at += 2
    } else {
      code += '`'
      at++
    }
  }

  while (at < text.length) {
    const here = text[at] ?? ''
    const next = text[at + 1]
    if (here === '/' && next === '/') {
      while (at < text.length && text[at] !== '\n') at++
    } else if (here === '/' && next === '*') {
      const end = text.indexOf('*/', at + 2)
      const comment = text.slice(at, end < 0 ? text.length : end + 2)
      code += ` ${newlinesOf(comment)}`
      at += comment.length
    } else if (here === "'" || here === '"') {
      const end = endOfString(text, at)
      code += `${here}${strings.length}${here}`
      strings.push(text.slice(at + 1, end))
      at = end + 1
    } else if (here === '`') {
      code += '`'
      at++
      takeTemplate()
    } else if (here === '/' && regularExpressionMayStart(code)) {
      at = endOfRegularExpression(text, at)
      code += ' 0 '
    } else if (here === '}' && templates.at(-1) === 0) {
      templates.pop()
      code += '} '
      at++
      takeTemplate()
    } else {
      const depth = templates.length - 1
      if (depth >= 0 && here === '{') templates[depth] = (templates[depth] ?? 0) + 1
      if (depth >= 0 && here === '}') templates[depth] = (templates[depth] ?? 0) - 1
      code += here
      at++
    }
  }
  return { code, strings }
}

/** Every module the file names: static and dynamic imports, re-exports, `require`, and files opened relative to the module (workers). */
export function importsOf(source: SourceText): string[] {
  const specifiers: string[] = []
  for (const match of source.code.matchAll(IMPORT)) specifiers.push(source.strings[Number(match[2])] ?? '')
  for (const match of source.code.matchAll(MODULE_URL)) {
    const specifier = source.strings[Number(match[2])] ?? ''
    if (/\.[cm]?[jt]sx?$/.test(specifier)) specifiers.push(specifier)
  }
  return specifiers
}

const IMPORT = /\b(?:from\s*|import\s*|import\s*\(\s*|require\s*\(\s*|import\.meta\.resolve\s*\(\s*)(['"`])(\d+)\1/g
const MODULE_URL = /\bnew\s+URL\s*\(\s*(['"`])(\d+)\1\s*,\s*import\.meta\.url/g

function newlinesOf(text: string): string {
  return '\n'.repeat(text.split('\n').length - 1)
}

/** Where the closing quote is, or the end of the line when there is none. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== text[start] && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
  return at
}

/** After a value a slash divides; after an operator, an opening bracket or a keyword it starts a regular expression. */
function regularExpressionMayStart(codeBefore: string): boolean {
  const before = codeBefore.trimEnd()
  if (before === '') return true
  if (/(?:^|[^\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|await|yield|do|else)$/.test(before)) return true
  return '([{,;=:?!&|+-*%~^<>'.includes(before.at(-1) ?? '')
}

function endOfRegularExpression(text: string, start: number): number {
  let at = start + 1
  let inClass = false
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true
    else if (text[at] === ']') inClass = false
    at += text[at] === '\\' ? 2 : 1
  }
  return at + 1
}
