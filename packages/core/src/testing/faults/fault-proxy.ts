import { Agent, createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../clock.ts'
import { systemClock } from '../../system-clock.ts'
import { cut } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { createFaultCounter } from './fault-counter.ts'
import type { FaultCounts } from './fault-counter.ts'
import { createFaultPlanner } from './fault-plan.ts'
import type { FaultRule } from './fault-rule.ts'
import type { ApplyObserver, OriginalRequest } from './forward-request.ts'
import { createHeldRequests } from './held-requests.ts'
import { createListener } from './listener.ts'
import { runExchange } from './run-exchange.ts'
import { createSeededRandom } from './seeded-random.ts'

export interface FaultProxyOptions {
  /** The S3 server's endpoint: plain HTTP, addressed by path (`{endpoint}/{bucket}/{key}`). */
  readonly target: string
  /** The same requests in the same order meet the same faults. */
  readonly seed: number
  readonly faults?: readonly FaultRule[]
  readonly observer?: ApplyObserver
  readonly clock?: Clock
}

export interface FaultProxy {
  /** To be given to the client in place of the target; its credentials stay the same. */
  readonly endpoint: string
  /** From the next request on these rules hold, and count from the beginning. */
  setFaults(faults: readonly FaultRule[]): void
  /** How often each fault really happened, since the start. */
  counts(): FaultCounts
  /** Lets everything that is held back arrive, and waits until nothing is on its way. */
  settleLate(): Promise<void>
  /** Ends every connection and refuses new ones. What has been received whole still reaches the store. */
  down(): Promise<void>
  /** Listens again, under the same endpoint. */
  up(): Promise<void>
  /** Ends everything; what is held back never arrives. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Starts a proxy on 127.0.0.1 that passes requests on to an S3 server byte for byte and disturbs them as told.
 * Signatures stay valid: the client signs the proxy's name, which is passed on in `Host`.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { seed, faults = [], observer, clock = systemClock } = options
  const target = new URL(options.target)
  const random = createSeededRandom(seed)
  const held = createHeldRequests(clock)
  const counter = createFaultCounter()
  const agent = new Agent({ keepAlive: true })
  const context = { upstream: { target, agent, observer }, held, clock, count: counter.count }
  const running = new Set<Promise<void>>()
  let plan = createFaultPlanner(faults, { random, clock })

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const original = readOriginal(incoming, target)
    const exchange: Exchange = { original, plan: plan(original), incoming, response, body: incoming }
    try {
      await runExchange(exchange, context)
    } catch {
      // Either side broke off: all that is left to do is to tell the other in the same way.
      cut(exchange)
    }
    held.overtake()
  }

  const server = createServer((incoming, response) => {
    const exchange = serve(incoming, response)
    running.add(exchange)
    void exchange.finally(() => running.delete(exchange))
  })
  const listener = createListener(server)
  const { port } = await listener.open()
  const allDone = async (): Promise<void> => void (await Promise.all(running))
  return {
    endpoint: `http://127.0.0.1:${port}${target.pathname.replace(/\/$/, '')}`,
    setFaults: (rules) => void (plan = createFaultPlanner(rules, { random, clock })),
    counts: counter.read,
    settleLate: async () => {
      held.release()
      await allDone()
    },
    down: async () => {
      counter.count('down')
      await listener.close()
    },
    up: async () => void (await listener.open()),
    close: async () => {
      await listener.close()
      held.drop()
      await allDone()
      agent.destroy()
    },
  }
}

function readOriginal(incoming: IncomingMessage, target: URL): OriginalRequest {
  const { method = 'GET', url = '/', rawHeaders } = incoming
  const [path = '', ...query] = url.split('?')
  const inBucket = path.slice(target.pathname.replace(/\/$/, '').length + 1)
  const [, ...keyParts] = inBucket.split('/')
  return {
    method,
    url,
    rawHeaders,
    key: decodeURIComponent(keyParts.join('/')),
    query: query.length === 0 ? '' : `?${query.join('?')}`,
  }
}
