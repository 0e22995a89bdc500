import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import { PLAN, type Plan, roomOf, WORKSPACE_EXPORTS } from './plan.ts'
import { importsOf, readSource } from './source-text.ts'

/** One thing in the tree that is not on the plan, said so that its writer learns the rule. */
export interface Finding {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  readonly message: string
}

/**
 * Holds a source tree against the floor plan.
 *
 * Finds imports that the plan does not allow, imports of packages that do not exist, clocks and dice outside the rooms
 * that keep them, files in no room, and rooms that import each other in a circle.
 */
export function findingsIn(root: string, plan: Plan = PLAN): Finding[] {
  const findings: Finding[] = []
  /** room -> room -> the first file that makes it so. */
  const roomImports = new Map<string, Map<string, string>>()

  for (const path of sourceFiles(root)) {
    const room = roomOf(path)
    const rules = room === undefined ? undefined : plan[room]
    if (room === undefined || rules === undefined) {
      findings.push({ path, message: 'is in no room; put the room on the plan (lab/house/plan.ts) or the file into a room' })
      continue
    }
    const source = readSource(readFileSync(join(root, path), 'utf8'))
    if (!rules.readsClock && CLOCK.test(source.code)) {
      findings.push({ path, message: `${room} may not read the clock (Date.now(), new Date()); take the time from the system port` })
    }
    if (!rules.throwsDice && DICE.test(source.code)) {
      findings.push({ path, message: `${room} may not call Math.random(); take chance from the system port, or from a printed seed` })
    }
    if (rules.seesEverything) continue
    for (const specifier of importsOf(source)) {
      const target = resolve(path, specifier)
      if (target.room === room) continue
      if (target.problem !== undefined) findings.push({ path, message: target.problem })
      else if (!rules.mayImport.includes(target.room)) {
        findings.push({ path, message: `${room} may not import ${target.room === 'node:' ? specifier : target.room}` })
      }
      if (!target.room.includes(':')) {
        const seen = roomImports.get(room) ?? new Map<string, string>()
        if (!seen.has(target.room)) seen.set(target.room, path)
        roomImports.set(room, seen)
      }
    }
  }
  return [...findings, ...circles(roomImports)]
}

export function describeFinding(finding: Finding): string {
  return `${finding.path}: ${finding.message}`
}

const CLOCK = /\bDate\s*\.\s*now\s*\(|\bnew\s+Date\s*(?:\(\s*\)|(?![\w\s(]))/
const DICE = /\bMath\s*\.\s*random\s*\(/
const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx)$/
const NOT_OURS = new Set(['node_modules', 'dist', 'fixtures', 'artifacts', 'docs'])

function* sourceFiles(root: string, folder = root): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (entry.name.startsWith('.') || NOT_OURS.has(entry.name)) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sourceFiles(root, path)
    else if (SOURCE.test(entry.name)) yield relative(root, path).split(sep).join('/')
  }
}

interface Target {
  /** A room, `node:` or `npm:name`. */
  readonly room: string
  /** Set when the import is wrong whatever the plan says. */
  readonly problem?: string
}

function resolve(importer: string, specifier: string): Target {
  if (specifier.startsWith('node:')) return { room: 'node:' }
  if (specifier.startsWith('.')) {
    const path = posix.join(posix.dirname(importer), specifier)
    const room = roomOf(path)
    if (room === undefined) return { room: '', problem: `imports ${specifier}, which is in no room` }
    if (workspaceOf(path) !== workspaceOf(importer)) {
      return { room, problem: `reaches into another workspace with ${specifier}; import it by its package name` }
    }
    return { room }
  }
  if (specifier.startsWith('@shoal/')) {
    const room = WORKSPACE_EXPORTS[specifier] ?? WORKSPACE_EXPORTS[`${specifier.split('/').slice(0, 2).join('/')}/*`]
    return room === undefined ? { room: '', problem: `imports ${specifier}, which no workspace exports` } : { room }
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  return { room: `npm:${name}` }
}

function workspaceOf(path: string): string {
  const parts = path.split('/')
  return parts[0] === 'packages' ? `packages/${parts[1]}` : (parts[0] ?? '')
}

/** Each circle once, named by the room that comes first in the alphabet. */
function circles(roomImports: ReadonlyMap<string, ReadonlyMap<string, string>>): Finding[] {
  const findings: Finding[] = []
  for (const start of [...roomImports.keys()].sort()) {
    const way = wayBack(start, roomImports)
    if (way === undefined || way.some((room) => room < start)) continue
    const path = roomImports.get(start)?.get(way[1] ?? '') ?? start
    findings.push({ path, message: `rooms import each other in a circle: ${way.join(' -> ')}` })
  }
  return findings
}

/** The shortest way from a room back to itself, both ends included. */
function wayBack(start: string, roomImports: ReadonlyMap<string, ReadonlyMap<string, string>>): string[] | undefined {
  const ways: string[][] = [[start]]
  const seen = new Set<string>()
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const next of roomImports.get(way.at(-1) ?? '')?.keys() ?? []) {
      if (next === start) return [...way, next]
      if (seen.has(next)) continue
      seen.add(next)
      ways.push([...way, next])
    }
  }
  return undefined
}
