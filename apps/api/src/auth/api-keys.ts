import { createHash, timingSafeEqual } from 'node:crypto'
import type { Namespace } from '@umbra/core'
import { HttpError } from '../http-error.ts'
import type { Authenticate, Caller } from './caller.ts'

/** An API key as it is configured: the key itself is known to its holder alone. */
export interface ApiKey {
  readonly name: string
  /** SHA-256 of the key, lower-case hex. Keys are random, so a plain hash does not help a guesser. */
  readonly sha256: string
  /** Modules the key may use; `'*'` is all. */
  readonly modules: readonly string[]
  /** Users the key may use; `'*'` is all. */
  readonly users: readonly string[]
}

const BEARER = /^Bearer +([\x21-\x7e]+)$/i

export function authenticateByApiKey(keys: readonly ApiKey[]): Authenticate {
  const known = keys.map((key) => ({ hash: Buffer.from(key.sha256, 'hex'), caller: toCaller(key) }))
  return (request) => {
    const presented = BEARER.exec(request.headers.authorization ?? '')?.[1]
    if (presented === undefined) throw unauthenticated('send an api key: Authorization: Bearer <key>', '')
    const hash = createHash('sha256').update(presented).digest()
    let match: Caller | undefined
    // All are compared, so that the time says nothing about which one matched.
    for (const one of known) if (timingSafeEqual(one.hash, hash)) match = one.caller
    if (match === undefined) throw unauthenticated('the api key is not known', ' error="invalid_token"')
    return match
  }
}

function toCaller({ name, modules, users }: ApiKey): Caller {
  const grants = (allowed: readonly string[], value: string) =>
    allowed.some((one) => one === '*' || one.normalize('NFC') === value)
  return {
    name,
    allows: ({ module, userId }: Namespace) => grants(modules, module) && grants(users, userId),
  }
}

function unauthenticated(message: string, parameters: string): HttpError {
  return new HttpError('UNAUTHENTICATED', message, { headers: { 'www-authenticate': `Bearer${parameters}` } })
}
