import { SESSION_MAX_MS } from './sessions.ts'

/**
 * The cookie that holds a session's token: no script reads it, no other site sends it along. Over TLS it has the name that binds it to
 * this very host (`__Host-`), and no other name is believed there: a neighbouring host could have set that one.
 */
export function sessionCookie(token: string, isSecure: boolean): string {
  return cookie(token, SESSION_MAX_MS / 1000, isSecure)
}

/** Makes the browser forget it. */
export function endedCookie(isSecure: boolean): string {
  return cookie('', 0, isSecure)
}

/**
 * @param header of the request, as it came
 * @param isSecure undefined when it is not known: then the name that is bound to its host goes first
 */
export function tokenInCookie(header: string | undefined, isSecure: boolean | undefined): string | undefined {
  if (header === undefined) return undefined
  const pairs = new Map<string, string>()
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0) pairs.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim())
  }
  if (isSecure !== undefined) return pairs.get(nameOf(isSecure))
  return pairs.get(nameOf(true)) ?? pairs.get(nameOf(false))
}

function cookie(value: string, maxAgeSeconds: number, isSecure: boolean): string {
  return `${nameOf(isSecure)}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
}

function nameOf(isSecure: boolean): string {
  return isSecure ? '__Host-shoal' : 'shoal_session'
}
