import { createHash } from 'node:crypto'
import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { z } from 'zod'
import { authenticateByApiKey } from './auth/api-keys.ts'
import { createApp } from './create-app.ts'
import type { AppComponents, AppLimits } from './create-app.ts'
import { createLogger } from './logger.ts'
import { startServer } from './start-server.ts'

/** A key for everything, and one bound to module `finance` of user `ann`. */
export const MASTER_KEY = 'master-key-of-the-tests'
export const ANN_KEY = 'key-of-ann'

export interface CallInit extends Omit<RequestInit, 'headers'> {
  /** Needed to send a stream. */
  readonly duplex?: 'half'
  readonly headers?: Record<string, string>
}

export interface RunningApi {
  readonly url: string
  readonly storage: StorageManager
  /** What was logged so far. */
  logged(): string
  /** Sends a request with the master key unless `init.headers` say otherwise. */
  call(path: string, init?: CallInit): Promise<Response>
  drain(timeoutMs: number): Promise<boolean>
  stop(): Promise<void>
}

type Options = Partial<Omit<AppComponents, 'limits' | 'logger'>> & { readonly limits?: Partial<AppLimits> }

/** The real application over HTTP on a free port; in memory unless given a storage. */
export async function startApi(options: Options = {}): Promise<RunningApi> {
  const { storage = manageBackend(createMemoryBackend()), limits, ...components } = options
  const lines: string[] = []
  const allLimits = {
    bodyBytes: 1024 * 1024,
    requestsPerMinute: 100_000,
    requestTimeoutMs: 30_000,
    ...limits,
  }
  const app = createApp({
    authenticate: authenticateByApiKey([
      { name: 'master', sha256: hash(MASTER_KEY), modules: ['*'], users: ['*'] },
      { name: 'ann', sha256: hash(ANN_KEY), modules: ['finance'], users: ['ann'] },
    ]),
    ...components,
    storage,
    logger: createLogger('info', { write: (line) => lines.push(line) }),
    limits: allLimits,
  })
  const server = await startServer(app, { host: '127.0.0.1', port: 0, requestTimeoutMs: 30_000 })
  return {
    url: server.url,
    storage,
    logged: () => lines.join(''),
    call: (path, init = {}) =>
      fetch(`${server.url}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${MASTER_KEY}`, ...init.headers },
      }),
    drain: (timeoutMs) => server.drain(timeoutMs),
    async stop() {
      await server.drain(0)
      await storage.close()
    },
  }
}

/** A response's JSON object. */
export async function objectOf(response: Response): Promise<Record<string, unknown>> {
  return z.looseObject({}).parse(await response.json())
}

export const JSON_HEADERS = { 'content-type': 'application/json' }

/** A request body that is sent as the test goes along. */
export function openBody(): { stream: ReadableStream; send(bytes: string): void; end(): void } {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given
    },
  })
  return {
    stream,
    send: (bytes) => controller?.enqueue(new TextEncoder().encode(bytes)),
    end: () => controller?.close(),
  }
}

function hash(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
