// Holds the repository against the floor plan: prints what does not fit, and fails then.
import { join } from 'node:path'
import { describeFinding, findingsIn } from './layers.ts'

const findings = findingsIn(join(import.meta.dirname, '..', '..'))
for (const finding of findings) console.error(describeFinding(finding))
if (findings.length > 0) process.exitCode = 1
else console.log('Every file is in a room, and every import points down.')
