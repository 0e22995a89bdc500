/** Writes the tables of `docs/` that are made from code: `node lab/docs/make.ts`. */

import { readFileSync, writeFileSync } from 'node:fs'
import { withSettingsTable } from './hub-settings.ts'

const PAGE = new URL('../../docs/hub.md', import.meta.url)

writeFileSync(PAGE, withSettingsTable(readFileSync(PAGE, 'utf8')))
