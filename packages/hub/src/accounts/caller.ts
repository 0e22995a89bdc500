import { type Permission, permissionsOf, ROLES, type Role, type Scope } from '@shoal/api/permissions'

/** Where a call comes from. */
export interface CallOrigin {
  readonly ip: string
  /** What the program calls itself. */
  readonly agent: string
}

export interface CallerFacts extends CallOrigin {
  readonly accountId: string | undefined
  readonly name: string
  readonly role: Role | 'none'
  readonly scopes: readonly Scope[]
  readonly sessionId: string | undefined
  readonly proof: 'none' | 'cookie' | 'bearer'
}

/** Who calls, and what they may: as the routes want it. */
export class HubCaller {
  readonly accountId: string | undefined
  readonly name: string
  readonly role: Role | 'none'
  readonly permissions: ReadonlySet<Permission>
  readonly sessionId: string | undefined
  readonly proof: 'none' | 'cookie' | 'bearer'
  readonly ip: string
  readonly agent: string

  constructor(facts: CallerFacts) {
    this.accountId = facts.accountId
    this.name = facts.name
    this.role = facts.role
    const permissions = facts.role === 'none' ? new Set<Permission>() : new Set(permissionsOf(facts.role, facts.scopes))
    // whatever their role, visitors have no account to use
    if (facts.proof === 'none') permissions.delete('account:use')
    this.permissions = permissions
    this.sessionId = facts.sessionId
    this.proof = facts.proof
    this.ip = facts.ip
    this.agent = facts.agent
  }

  may(permission: Permission): boolean {
    return this.permissions.has(permission)
  }
}

/** The name under which visitors appear; no account can have it. */
export const VISITOR_NAME = 'visitor'
/** The name of the person at the hub's own machine; no account can have it. */
export const OPERATOR_NAME = 'operator'

/** A role as the database has it. */
export function roleOf(text: string): Role {
  const role = ROLES.find((known) => known === text)
  if (role === undefined) throw new Error(`Cannot happen: an account with the role ${JSON.stringify(text)}`)
  return role
}
