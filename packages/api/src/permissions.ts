/**
 * Who may do what on a hub, as one table. Hub, shell and pages read it: the hub decides by it, the others hide what
 * would be refused.
 */

/** From the most to the least; somebody without an account is no role, but acts as one (see `HubFacts.visitors`). */
export const ROLES = ['owner', 'admin', 'moderator', 'member', 'guest'] as const
export type Role = (typeof ROLES)[number]

/** What can be allowed, and to which roles it is. */
export const PERMISSIONS = Object.freeze({
  /** Lists, searches and reads entries, tags, availability; feeds. */
  'files:read': ['owner', 'admin', 'moderator', 'member', 'guest'],
  /** Downloads .torrent files and magnet links, with an announce key of one's own. */
  'files:download': ['owner', 'admin', 'moderator', 'member', 'guest'],
  /** Publishes; edits and withdraws what is one's own. */
  'files:publish': ['owner', 'admin', 'moderator', 'member'],
  /** Edits and withdraws what is somebody else's. */
  'files:moderate': ['owner', 'admin', 'moderator'],
  /** Sees connected peers with their addresses, discovers and pings them. */
  'peers:read': ['owner', 'admin', 'moderator', 'member'],
  /** One's own account: password, sessions, tokens, announce keys. */
  'account:use': ['owner', 'admin', 'moderator', 'member', 'guest'],
  'members:read': ['owner', 'admin', 'moderator', 'member'],
  'members:invite': ['owner', 'admin', 'moderator'],
  /** Bans and lets back in: only accounts of a lower role. */
  'members:ban': ['owner', 'admin', 'moderator'],
  /** Gives roles: only lower ones than one's own, to accounts of a lower role; an owner may make owners. */
  'members:role': ['owner', 'admin'],
  'audit:read': ['owner', 'admin'],
  'settings:read': ['owner', 'admin'],
  'settings:write': ['owner', 'admin'],
  'metrics:read': ['owner', 'admin'],
  'backup:make': ['owner'],
} as const satisfies Record<string, readonly Role[]>)
export type Permission = keyof typeof PERMISSIONS

/** What a token may be limited to: it never may more than its account. */
export const SCOPES = Object.freeze({
  read: ['files:read', 'files:download', 'peers:read', 'members:read'],
  publish: ['files:read', 'files:download', 'files:publish', 'peers:read'],
  feed: ['files:read', 'files:download'],
  metrics: ['metrics:read'],
  all: Object.keys(PERMISSIONS) as Permission[],
} as const satisfies Record<string, readonly Permission[]>)
export type Scope = keyof typeof SCOPES

export function permissionsOf(role: Role, scopes: readonly Scope[] = ['all']): ReadonlySet<Permission> {
  const within = new Set<Permission>(scopes.flatMap((scope) => [...SCOPES[scope]]))
  const allowed = (Object.keys(PERMISSIONS) as Permission[]).filter(
    (permission) => within.has(permission) && (PERMISSIONS[permission] as readonly Role[]).includes(role),
  )
  return new Set(allowed)
}

/** Whether `role` stands above `other`: only then it may ban it or change its role. Owners stand above owners. */
export function outranks(role: Role, other: Role): boolean {
  return role === 'owner' || ROLES.indexOf(role) < ROLES.indexOf(other)
}
