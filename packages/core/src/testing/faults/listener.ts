import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Longer than any test: a connection that is ended while the client reuses it would be a fault nobody planned. */
const KEEP_ALIVE_MS = 600_000

/** A server that can stop listening and come back under the same port. */
export function createListener(server: Server): {
  readonly open: () => Promise<AddressInfo>
  /** Ends every connection. Safe to call twice. */
  readonly close: () => Promise<void>
} {
  server.keepAliveTimeout = KEEP_ALIVE_MS
  let port = 0
  return {
    open: async () => {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      // An IP server's address is never a string.
      const address = server.address() as AddressInfo
      port = address.port
      return address
    },
    close: async () => {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
