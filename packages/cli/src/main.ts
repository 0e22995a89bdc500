// Answers `--version` by itself: shells and scripts ask for it all the time, and nothing else has to be loaded for it.
import { readFileSync } from 'node:fs'

const words = process.argv.slice(2)
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) process.stdout.write(`${version}\n`)
else await (await import('./program.ts')).run(words, version)
