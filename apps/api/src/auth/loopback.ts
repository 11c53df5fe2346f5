import { HttpError } from '../http-error.ts'
import type { Authenticate, Caller } from './caller.ts'

const LOOPBACK_HOST = /^(localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/

export function isLoopbackHost(host: string): boolean {
  return LOOPBACK_HOST.test(host.toLowerCase())
}

const developer: Caller = { name: 'developer', allows: () => true }

/**
 * Development without keys: everybody on this machine may do everything. Pages of other sites may not, although the
 * browser that shows them is on this machine, nor may names that were made to point here.
 */
export const authenticateLoopback: Authenticate = (request) => {
  const { host = '', origin } = request.headers
  if (!isLoopbackAuthority(`http://${host}`) || (origin !== undefined && !isLoopbackAuthority(origin))) {
    throw new HttpError(
      'FORBIDDEN',
      'without api keys only requests from this machine to a loopback name are served',
    )
  }
  return developer
}

function isLoopbackAuthority(url: string): boolean {
  return URL.canParse(url) && isLoopbackHost(new URL(url).hostname)
}
