/** What the page reads in a JWT, for display and to grey out what will be refused; the server decides. */
export interface Claims {
  tenant: string | null
  /** Who it is: tenant, subject and issuer in one text. Tokens of one identity follow each other. */
  identity: string
  scopes: string[] | null
}

function decode(part: string): Record<string, unknown> {
  const base64 = part.replace(/-/g, '+').replace(/_/g, '/')
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
}

function scopesOf(scope: unknown): string[] | null {
  if (typeof scope === 'string') return scope.split(' ').filter(Boolean)
  if (Array.isArray(scope)) return scope.filter((s): s is string => typeof s === 'string')
  return null
}

/** Reads the claims of a JWT without judging it; null: it is not one. */
export function claimsOf(jwt: string): Claims | null {
  try {
    const c = decode(jwt.split('.')[1] ?? '')
    return {
      tenant: typeof c.tenant === 'string' ? c.tenant : null,
      identity: JSON.stringify([c.iss, c.tenant, c.sub, c.key]),
      scopes: scopesOf(c.scope),
    }
  } catch {
    return null
  }
}

/** Whether scopes allow an action; unknown scopes do, the server will say. */
export function allows(scopes: readonly string[] | null, scope: string): boolean {
  return scopes === null || scopes.includes(scope) || scopes.includes('admin')
}
