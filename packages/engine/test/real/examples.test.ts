import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'

const FOLDER = join(import.meta.dirname, '../../examples')
const PAGE = join(import.meta.dirname, '../../../../docs/embedding.md')
const run = promisify(execFile)

/** What each program must say, in this order. */
const SAYS: Readonly<Record<string, readonly RegExp[]>> = {
  'share-and-get.ts': [/made lecture: 48 pieces of 2 files/, /sharing, seeding/, /connected to Shoal/, /now seeding/, /equal: true/],
  'stream-a-file.ts': [/read bytes 5000000 to 6000000.*still on its way/, /read bytes 0 to 1000000/, /001f3e5d7c9bbad9f817/],
  'watch-progress.ts': [
    /peer 127\.0\.0\.1 \(Shoal/,
    /\d+ % at [\d.]+ MB\/s from 1 peer/,
    /done: 77 pieces, 0 bytes wasted/,
    /refused with BENCODE_UNEXPECTED_BYTE/,
    /refused with TORRENT_DUPLICATE/,
  ],
  'simulate-a-swarm.ts': [/have it after \d+ s of virtual time/, /the same seed: the same run/, /another seed: another run/],
}

describe('the examples', () => {
  test('are all run here', () => {
    assert.deepEqual(readdirSync(FOLDER).sort(), Object.keys(SAYS).sort())
  })

  for (const [name, says] of Object.entries(SAYS)) {
    test(`${name} runs to its end and says what it should`, async () => {
      const { stdout, stderr } = await run(process.execPath, [join(FOLDER, name)], { timeout: 60_000 })
      assert.equal(stderr, '')
      let at = 0
      for (const line of says) {
        const found = line.exec(stdout.slice(at))
        assert.ok(found, `${line} is not said, or too early, in:\n${stdout}`)
        at += found.index + found[0].length
      }
    })

    test(`${name} uses the public entry points only`, () => {
      const imports = [...readFileSync(join(FOLDER, name), 'utf8').matchAll(/ from '([^']+)'/g)].map(([, from]) => from ?? '')
      for (const from of imports) assert.match(from, /^(node:.+|@shoal\/engine(\/create-torrent|\/simulation)?)$/)
    })
  }
})

describe('docs/embedding.md', () => {
  const sources = readdirSync(FOLDER).map((name) => readFileSync(join(FOLDER, name), 'utf8'))
  const blocks = [...readFileSync(PAGE, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? '')

  test('shows much of the examples', () => {
    assert.ok(blocks.length >= 9)
  })

  for (const [index, block] of blocks.entries()) {
    test(`block ${index + 1} stands in an example, word for word: ${block.trim().split('\n', 1)[0]}`, () => {
      assert.ok(
        sources.some((source) => source.includes(block)),
        block,
      )
    })
  }
})
