import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { isIPv6 } from 'node:net'
import type { AddressInfo } from 'node:net'

export interface ServerSettings {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Milliseconds; a connection on which nothing moves for longer is cut. */
  readonly requestTimeoutMs: number
}

export interface RunningServer {
  readonly url: string
  /**
   * Accepts no more connections and waits until every accepted request is answered. Requests that are not after
   * `timeoutMs` are cut; resolves to whether there were none.
   */
  drain(timeoutMs: number): Promise<boolean>
}

/** The application answers late requests itself; this much later, in milliseconds, the connection is cut. */
const GRACE_MS = 5_000

export async function startServer(
  listener: RequestListener,
  settings: ServerSettings,
): Promise<RunningServer> {
  const { host, port, requestTimeoutMs } = settings
  const server = createServer({ requestTimeout: requestTimeoutMs + GRACE_MS }, listener)
  server.timeout = requestTimeoutMs + GRACE_MS
  const drain = trackDraining(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A server that listens on a port has an address of this kind.
  const address = server.address() as AddressInfo
  return { url: `http://${isIPv6(host) ? `[${host}]` : host}:${address.port}`, drain }
}

function trackDraining(server: Server): RunningServer['drain'] {
  let draining = false
  // Before the application, so that its answers carry the header.
  server.prependListener('request', (_request, response) => {
    if (draining) response.setHeader('connection', 'close')
    response.once('close', () => {
      // A connection kept alive would hold up the end.
      if (draining) setImmediate(() => server.closeIdleConnections())
    })
  })
  return async (timeoutMs) => {
    draining = true
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    server.closeIdleConnections()
    let deadline: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      deadline = setTimeout(() => resolve(false), timeoutMs)
    })
    const inTime = await Promise.race([closed.then(() => true), late])
    clearTimeout(deadline)
    if (!inTime) server.closeAllConnections()
    await closed
    return inTime
  }
}
