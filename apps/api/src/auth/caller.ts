import type { IncomingMessage } from 'node:http'
import type { Namespace } from '@umbra/core'

/** Who sent a request, and what it may touch. */
export interface Caller {
  /** Unique among callers: rates are counted and idempotency keys kept apart by it. */
  readonly name: string
  allows(namespace: Namespace): boolean
}

/** Rejects with `UNAUTHENTICATED` when the request does not prove who sent it. */
export type Authenticate = (request: IncomingMessage) => Caller | Promise<Caller>
