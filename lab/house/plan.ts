/**
 * The floor plan as data: which room may import which, and who may ask the clock or throw dice.
 *
 * An entry of `mayImport` is another room, `node:` (any Node module) or `npm:name` (that package). A room may always
 * import itself. ARCHITECTURE.md draws the same plan for people; a new folder starts with a line here.
 */
export interface Room {
  readonly mayImport: readonly string[]
  /** `Date.now()`, `new Date()`: everywhere else time comes through the system port, so that a test can own it. */
  readonly readsClock?: true
  /** `Math.random()`: everywhere else chance comes through the system port, so that a run can be repeated from its seed. */
  readonly throwsDice?: true
  /** May import anything at all: nobody may import it. */
  readonly seesEverything?: true
}

export type Plan = Readonly<Record<string, Room>>

const ENGINE_GROUND = ['protocol', 'engine/base', 'engine/ports']
const ENGINE_CORE = [
  ...ENGINE_GROUND,
  'engine/peer',
  'engine/storage',
  'engine/discovery',
  'engine/swarm',
  'engine/torrent',
  'engine/session',
]

export const PLAN: Plan = {
  protocol: { mayImport: [] },

  'engine/base': { mayImport: ['protocol'] },
  'engine/ports': { mayImport: ['protocol'] },
  'engine/peer': { mayImport: ENGINE_GROUND },
  'engine/storage': { mayImport: ENGINE_GROUND },
  'engine/discovery': { mayImport: ENGINE_GROUND },
  'engine/swarm': { mayImport: [...ENGINE_GROUND, 'engine/peer', 'engine/storage'] },
  'engine/torrent': { mayImport: [...ENGINE_GROUND, 'engine/peer', 'engine/storage', 'engine/discovery', 'engine/swarm'] },
  // Makes what all torrents share: the tracker client, the rate limits, the memory for pieces.
  'engine/session': { mayImport: [...ENGINE_GROUND, 'engine/peer', 'engine/storage', 'engine/discovery', 'engine/torrent'] },
  'engine/node': { mayImport: [...ENGINE_GROUND, 'node:'], readsClock: true, throwsDice: true },
  'engine/sim': { mayImport: ENGINE_GROUND },
  // The roof: what the world sees of the engine. Only `simulation` keeps Node out, as the core does.
  'engine/index': { mayImport: [...ENGINE_CORE, 'engine/node', 'engine/create-torrent', 'node:'] },
  'engine/creation': { mayImport: [...ENGINE_CORE, 'engine/node', 'node:'] },
  'engine/create-torrent': { mayImport: [...ENGINE_CORE, 'engine/node', 'engine/creation', 'node:'] },
  'engine/simulation': { mayImport: [...ENGINE_CORE, 'engine/sim'] },
  // Written as somebody who embeds the engine would: through the roof only.
  'engine/examples': { mayImport: ['engine/index', 'engine/create-torrent', 'engine/simulation', 'node:'] },

  api: { mayImport: ['protocol', 'npm:typebox'] },

  // Routes as data behind one guarded HTTP door: hub and daemon stand on it.
  door: { mayImport: ['protocol', 'api', 'node:', 'npm:fastify', 'npm:@fastify/multipart', 'npm:typebox'] },

  'hub/system': { mayImport: ['node:'], readsClock: true, throwsDice: true },
  // One class of errors, thrown by every room of the hub that cannot start.
  'hub/errors': { mayImport: [] },
  'hub/tracker': { mayImport: ['protocol', 'api', 'door', 'hub/system', 'node:'] },
  'hub/database': { mayImport: ['api', 'hub/system', 'hub/errors', 'node:', 'npm:kysely'] },
  'hub/accounts': { mayImport: ['protocol', 'api', 'door', 'hub/system', 'hub/database', 'hub/tracker', 'node:', 'npm:kysely'] },
  'hub/catalogue': { mayImport: ['protocol', 'api', 'hub/system', 'hub/database', 'hub/tracker', 'node:', 'npm:kysely'] },
  // The control channel: who is connected, and what they have.
  'hub/control': {
    mayImport: [
      'protocol',
      'api',
      'hub/system',
      'hub/database',
      'hub/catalogue',
      'hub/tracker',
      'node:',
      'npm:ws',
      'npm:typebox',
      'npm:kysely',
    ],
  },
  'hub/http': {
    mayImport: [
      'protocol',
      'api',
      'hub/system',
      'hub/database',
      'hub/tracker',
      'hub/accounts',
      'hub/catalogue',
      'hub/control',
      'door',
      'node:',
      'npm:typebox',
      'npm:ws',
      'npm:pino',
    ],
  },
  hub: {
    mayImport: [
      'protocol',
      'api',
      'door',
      'hub/system',
      'hub/errors',
      'hub/tracker',
      'hub/database',
      'hub/accounts',
      'hub/catalogue',
      'hub/control',
      'hub/http',
      'node:',
      'npm:smol-toml',
      'npm:pino',
    ],
  },

  'cli/render': { mayImport: ['protocol', 'api', 'cli/foreground', 'node:', 'npm:string-width', 'npm:uqr'] },
  'cli/foreground': { mayImport: ['protocol', 'engine/index', 'api', 'node:', 'npm:env-paths'], readsClock: true },
  // The long-lived peer: torrents, queue, goals, state. No HTTP, no hub.
  'cli/daemon': {
    mayImport: ['protocol', 'api', 'engine/index', 'engine/create-torrent', 'cli/foreground', 'node:', 'npm:typebox'],
    readsClock: true,
  },
  // The daemon's API on a port of this machine, and the way to it.
  'cli/daemon-http': { mayImport: ['protocol', 'api', 'door', 'cli/daemon', 'node:', 'npm:typebox'] },
  // The peer's side of hubs: speaks to them over their API and control channel, and to the torrents as the daemon shows them.
  'cli/hubs': {
    mayImport: ['protocol', 'api', 'engine/index', 'engine/create-torrent', 'cli/daemon', 'node:', 'npm:ws', 'npm:typebox'],
  },
  // Knows neither hub nor engine: a shell speaks to either over its API.
  'cli/shell': { mayImport: ['protocol', 'api', 'cli/render', 'node:'] },
  'cli/commands': {
    mayImport: [
      'protocol',
      'engine/create-torrent',
      'api',
      'hub',
      'cli/render',
      'cli/foreground',
      'cli/shell',
      'cli/daemon',
      'cli/daemon-http',
      'cli/hubs',
      'node:',
      'npm:commander',
    ],
  },
  cli: { mayImport: ['cli/commands', 'cli/render', 'node:', 'npm:commander'] },
  'cli/bin': { mayImport: ['cli', 'node:'] },

  tools: { mayImport: ['node:'], readsClock: true },
  // The attic and the tests look into every room; no room looks back. Chance stays seeded even here.
  lab: { mayImport: [], readsClock: true, seesEverything: true },
  tests: { mayImport: [], readsClock: true, seesEverything: true },
}

/** What `import '@shoal/…'` leads to. A name that is not here is not exported. */
export const WORKSPACE_EXPORTS: Readonly<Record<string, string>> = {
  '@shoal/protocol/*': 'protocol',
  '@shoal/engine': 'engine/index',
  '@shoal/engine/create-torrent': 'engine/create-torrent',
  '@shoal/engine/simulation': 'engine/simulation',
  '@shoal/api/*': 'api',
  '@shoal/door/*': 'door',
  '@shoal/hub': 'hub',
  // Without the server: what commands need that start none.
  '@shoal/hub/backups': 'hub',
  '@shoal/hub/config-file': 'hub',
  '@shoal/hub/config-report': 'hub',
  '@shoal/hub/config-settings': 'hub',
  '@shoal/hub/url-file': 'hub',
}

/**
 * Which room a file is in; the path is relative to the repository and has forward slashes.
 *
 * Tests are `*.test.ts` anywhere and everything in a workspace's `test/` folder.
 * @returns undefined for a file that is in no room.
 */
export function roomOf(path: string): string | undefined {
  const parts = path.split('/')
  if (parts[0] === 'tools') return 'tools'
  if (/\.test\.[jt]sx?$/.test(path) || (parts[0] === 'packages' && parts[2] === 'test')) return 'tests'
  if (parts[0] === 'lab') return 'lab'
  if (parts[0] !== 'packages') return undefined
  const workspace = parts[1] ?? ''
  if (parts[2] === 'examples') return known(`${workspace}/examples`)
  if (parts[2] === 'bin') return known(`${workspace}/bin`)
  if (parts[2] !== 'src') return undefined
  // `protocol`, `api` and `door` are one room each, folders and all.
  if (workspace === 'protocol' || workspace === 'api' || workspace === 'door') return workspace
  if (parts.length > 4) return known(`${workspace}/${parts[3]}`)
  // A file at the top of `src` is a room of its own when the plan names it, else it is in the workspace's top room.
  return known(`${workspace}/${(parts[3] ?? '').replace(/\.[jt]sx?$/, '')}`) ?? known(workspace)
}

function known(room: string): string | undefined {
  return Object.hasOwn(PLAN, room) ? room : undefined
}
