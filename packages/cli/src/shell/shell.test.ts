import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CliError } from '../render/failure.ts'
import type { Terminal } from '../render/terminal.ts'
import { completionsOf } from './completion.ts'
import type { LineSource } from './line-source.ts'
import { sentence } from './reply.ts'
import { Shell } from './shell.ts'
import type { Verb } from './verb.ts'

const same = (text: string): string => text
const palette = { good: same, waiting: same, bad: same, dim: same, strong: same }

/** Lines as the test gives them; what is written is kept. */
class ScriptedLines implements LineSource {
  readonly isInteractive: boolean
  written = ''
  isClosed = false
  readonly #lines: (string | (() => string))[]

  constructor(lines: readonly (string | (() => string))[], isInteractive: boolean) {
    this.#lines = [...lines]
    this.isInteractive = isInteractive
  }

  async next(): Promise<string | undefined> {
    const line = this.isClosed ? undefined : this.#lines.shift()
    return typeof line === 'function' ? line() : line
  }

  async ask(question: string): Promise<string | undefined> {
    this.written += question
    return this.next()
  }

  write(text: string): void {
    this.written += text
  }

  close(): void {
    this.isClosed = true
  }
}

interface World {
  readonly names: readonly string[]
}

const VERBS: readonly Verb<World>[] = [
  {
    name: 'list_names',
    aliases: ['n'],
    summary: 'shows names',
    arguments: [{ name: 'words', isOptional: true, isRest: true, complete: async ({ names }) => names }],
    options: [
      { name: 'order', value: 'order', summary: 'how', choices: ['up', 'down'] },
      { name: 'all', summary: 'also the others' },
    ],
    example: 'list_names',
    run: async ({ world, words, options }) =>
      sentence(`${world.names.join(', ')} ${JSON.stringify([words.words, [...options]])}`, world.names),
  },
  {
    name: 'greet',
    summary: 'says hello',
    arguments: [{ name: 'name', complete: async ({ names }) => names }],
    example: 'greet an',
    run: async ({ argument }) => sentence(`Hello ${argument('name')}`, { hello: argument('name') }),
  },
  {
    name: 'ask',
    summary: 'asks',
    example: 'ask',
    run: async ({ ask }) => sentence(`It is ${await ask('What? ', 'secret')}`, null),
  },
  {
    name: 'fail',
    summary: 'fails',
    arguments: [{ name: 'how' }],
    example: 'fail',
    run: async ({ argument }) => {
      if (argument('how') === 'bug') throw new TypeError('x is not a function')
      throw new CliError('FILE_EXISTS', 'Cannot do it: it is there. Choose another')
    },
  },
  {
    name: 'wait',
    summary: 'waits for Ctrl-C',
    example: 'wait',
    run: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      }),
  },
]

const WORLD: World = { names: ['an', 'Bình Nguyễn', 'bo'] }

function shellOf(lines: readonly (string | (() => string))[], { isInteractive = true, isJson = false, width = 80 } = {}) {
  const source = new ScriptedLines(lines, isInteractive)
  let errors = ''
  const view: Terminal = {
    isTerminal: isInteractive,
    isLive: false,
    palette,
    columns: () => width,
    write: () => {},
    onResize: () => () => {},
  }
  const messages: Terminal = {
    ...view,
    write: (text) => {
      errors += text
    },
  }
  const shell = new Shell({ verbs: VERBS, world: WORLD, lines: source, view, messages, isJson, now: () => 0, exitSummary: 'leaves' })
  return { shell, source, errors: () => errors }
}

describe('Shell', () => {
  test('runs line after line, by names and aliases, dashes and underscores, and ends with them', async () => {
    const { shell, source } = shellOf(['greet "An Bình"', '', '   ', '# a note', 'N x y --all --order=up', 'list-names -- --all'])
    assert.equal(await shell.run(), 0)
    assert.equal(
      source.written,
      '  Hello An Bình\n' + '  an, Bình Nguyễn, bo [["x","y"],[["all",""],["order","up"]]]\n' + '  an, Bình Nguyễn, bo [["--all"],[]]\n',
    )
    assert.ok(source.isClosed)
  })

  test('says what is wrong with a line, and goes on', async () => {
    const { shell, source } = shellOf(
      [
        'gret an',
        'xyzzy',
        'greet',
        'greet a b',
        'n --order sideways',
        'n --order',
        'n --al',
        'greet "a',
        'fail now',
        'fail bug',
        'greet an',
      ],
      { width: 200 },
    )
    assert.equal(await shell.run(), 0)
    assert.deepEqual(source.written.trimEnd().split('\n'), [
      '  There is no command "gret". Did you mean greet? (help shows all)',
      '  There is no command "xyzzy". (help shows all)',
      '  greet needs <name>. So: greet <name>',
      '  greet takes no more than one word; put a name with spaces in quotes. So: greet <name>',
      '  --order is one of up, down. So: list_names [words...] [--order <order>] [--all]',
      '  --order needs its <order>. So: list_names [words...] [--order <order>] [--all]',
      '  list_names has no option --al. So: list_names [words...] [--order <order>] [--all]',
      '  A quote is opened and not closed. A quote inside of a quoted word is doubled: "a ""b"" c"',
      '  Cannot do it: it is there. Choose another',
      '  Something happened that should not: x is not a function. Please report it with this command',
      '  Hello an',
    ])
  })

  test('from a pipe, tells failures apart from answers and ends with the status of the first', async () => {
    const { shell, source, errors } = shellOf(['fail now', 'greet an', 'fail bug'], { isInteractive: false })
    assert.equal(await shell.run(), 2)
    assert.equal(source.written, 'Hello an\n')
    assert.match(errors(), /^shoal: Cannot do it: it is there\. Choose another \(FILE_EXISTS\)\nshoal: Something.*\(BUG\)\n$/)
  })

  test('answers programs in JSON, for one line or for all', async () => {
    const one = shellOf(['greet an --json', 'fail now --json', 'greet bo'])
    await one.shell.run()
    assert.equal(
      one.source.written,
      '{"hello":"an"}\n{"error":{"code":"FILE_EXISTS","message":"Cannot do it: it is there. Choose another"}}\n  Hello bo\n',
    )
    const all = shellOf(['greet an', 'nothing'], { isJson: true, isInteractive: false })
    assert.equal(await all.shell.run(), 2)
    assert.equal(all.source.written, '{"hello":"an"}\n')
    assert.match(all.errors(), /^\{"error":\{"code":"USAGE"/)
  })

  test('asks, and says so when there is nobody to answer', async () => {
    const { shell, source } = shellOf(['ask', 'blue', 'ask'])
    await shell.run()
    assert.match(source.written, /^What\? {3}It is blue\nWhat\? {3}ask asks "What\?", and there is no answer/)
  })

  test('Ctrl-C stops the verb that runs without a word, and nothing else', async () => {
    const { shell, source } = shellOf(['greet an', 'wait', 'greet bo'])
    const run = shell.run()
    await new Promise(setImmediate)
    shell.cancel()
    assert.equal(await run, 0)
    assert.equal(source.written, '  Hello an\n  Hello bo\n')
    shell.cancel()
  })

  test('leaves by exit, by its short names, and when it is told to', async () => {
    for (const word of ['exit', 'q', 'quit', 'EXIT']) {
      const { shell, source } = shellOf([word, 'greet an'])
      assert.equal(await shell.run(), 0)
      assert.equal(source.written, '')
    }
    const { shell, source } = shellOf(['wait', 'greet an'])
    const run = shell.run()
    await new Promise(setImmediate)
    shell.leave()
    await run
    assert.equal(source.written, '')
  })

  test('helps: with everything, or with one', async () => {
    const { shell, source } = shellOf(['?', 'help list-names', 'help gret'])
    await shell.run()
    for (const name of ['list_names [words...]', 'greet <name>', 'help [command]', 'exit'])
      assert.ok(source.written.includes(`  ${name} `), name)
    assert.match(
      source.written,
      /\n {2}list_names shows names\.\n {4}--order <order> {2}how\n {4}--all {12}also the others\n {2}For example: list_names\n {2}Also: n\n/,
    )
    assert.match(source.written, /There is no command "gret"\. Did you mean greet\?/)
    for (const line of source.written.split('\n')) assert.ok(line.length <= 80, line)
  })
})

describe('completionsOf', () => {
  const { shell } = shellOf([])
  const complete = (line: string) => completionsOf(line, shell.verbs, WORLD, AbortSignal.timeout(1_000))

  test('offers verbs, as one spells them', async () => {
    assert.deepEqual(await complete('li'), [['list_names '], 'li'])
    assert.deepEqual(await complete('list-'), [['list-names '], 'list-'])
    assert.deepEqual(await complete('  EX'), [['exit '], 'EX'])
    assert.equal((await complete(''))[0].length, VERBS.length + 2)
  })

  test('offers what the argument says, in quotes where they are needed', async () => {
    assert.deepEqual(await complete('greet '), [['an ', '"Bình Nguyễn" ', 'bo '], ''])
    assert.deepEqual(await complete('greet b'), [['"Bình Nguyễn" ', 'bo '], 'b'])
    assert.deepEqual(await complete('greet "bình n'), [['"Bình Nguyễn" '], '"bình n'])
    assert.deepEqual(await complete('greet an '), [[], ''])
    assert.deepEqual(await complete('n an bo b'), [['"Bình Nguyễn" ', 'bo '], 'b'])
    assert.deepEqual(await complete('help gr'), [['greet '], 'gr'])
    assert.deepEqual(await complete('nothing '), [[], ''])
  })

  test('offers options, and what they may be', async () => {
    assert.deepEqual(await complete('n --'), [['--order ', '--all ', '--json '], '--'])
    assert.deepEqual(await complete('n --order '), [['up ', 'down '], ''])
    assert.deepEqual(await complete('n --order d'), [['down '], 'd'])
    assert.deepEqual(await complete('n --order up b'), [['"Bình Nguyễn" ', 'bo '], 'b'])
  })
})
