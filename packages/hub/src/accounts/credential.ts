import { createHash, timingSafeEqual } from 'node:crypto'
import type { HubSystem } from '../system.ts'

/**
 * What a program shows instead of a password: `shoal_<id>_<secret>`. The id is where to look and no secret; of the secret, 256 random
 * bits, only the SHA-256 is stored (SAFETY A4, A6): a stolen database opens nothing, and there is nothing to guess.
 */
export interface Credential {
  readonly kind: CredentialKind
  readonly id: string
  readonly secret: string
}

export type CredentialKind = 'session' | 'token' | 'operator'

/** A credential at its birth: the only time that its text is known. */
export interface NewCredential {
  readonly id: string
  readonly text: string
  readonly secretHash: string
}

export function newCredential(system: HubSystem, kind: CredentialKind): NewCredential {
  const id = newId(system, KIND_LETTERS[kind])
  const secret = newSecret(system)
  return { id, text: `shoal_${id}_${secret}`, secretHash: hashOfSecret(secret) }
}

/** @returns undefined for what is no credential of ours. */
export function parseCredential(text: string): Credential | undefined {
  const [, id = '', secret = ''] = CREDENTIAL.exec(text) ?? []
  switch (id.charAt(0)) {
    case KIND_LETTERS.session:
      return { kind: 'session', id, secret }
    case KIND_LETTERS.token:
      return { kind: 'token', id, secret }
    case KIND_LETTERS.operator:
      return { kind: 'operator', id, secret }
    default:
      return undefined
  }
}

const KIND_LETTERS = { session: 's', token: 't', operator: 'o' } as const satisfies Record<CredentialKind, string>
const ID_BYTES = 10
const SECRET_BYTES = 32
const CREDENTIAL = /^shoal_([a-z][0-9a-f]{20})_([\w-]{43})$/

/** Unique and unpredictable, but no secret. The letter says of what. */
export function newId(system: HubSystem, letter: string): string {
  return letter + Buffer.from(system.randomBytes(ID_BYTES)).toString('hex')
}

/** Text that nobody guesses: 256 bits unless said. */
export function newSecret(system: HubSystem, bytes: number = SECRET_BYTES): string {
  return Buffer.from(system.randomBytes(bytes)).toString('base64url')
}

export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** In the same time whatever differs. */
export function isSecretOf(secret: string, secretHash: string): boolean {
  const [one, other] = [Buffer.from(hashOfSecret(secret)), Buffer.from(secretHash)]
  return one.length === other.length && timingSafeEqual(one, other)
}
