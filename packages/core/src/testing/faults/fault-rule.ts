/** What can go wrong with one request on its way to the store and back. */
export type Fault =
  /** It takes this much longer to reach the store: evenly between the two, milliseconds. */
  | { readonly kind: 'latency'; readonly minMs: number; readonly maxMs: number }
  /** Refused with 429, as R2 does, when the key was written less than `intervalMs` (default 1,000) ago. */
  | { readonly kind: 'rate-limit'; readonly intervalMs?: number }
  /** Answered with an error; the store never sees it. Default 503 `ServiceUnavailable`. */
  | { readonly kind: 'error-before'; readonly status?: number; readonly code?: string }
  /** The store does it, the client is told an error. Default 500 `InternalError`. */
  | { readonly kind: 'error-after'; readonly status?: number; readonly code?: string }
  /** As if the credentials were wrong; the store never sees it. Default 403 `SignatureDoesNotMatch`. */
  | { readonly kind: 'refused-credentials'; readonly status?: number; readonly code?: string }
  /** The connection is reset once the headers are there; the store never sees it. */
  | { readonly kind: 'cut-before-body' }
  /** The store does it and answers; the connection is reset before the client hears of it. */
  | { readonly kind: 'cut-before-answer' }
  /** The connection ends in the middle of the answer's body. Answers without a body pass. */
  | { readonly kind: 'cut-in-answer' }
  /** The store gets the body at this pace, and nothing once the client gives up. Requests without a body pass. */
  | { readonly kind: 'slow-request'; readonly bytesPerSecond: number }
  /** The client gets the answer's body at this pace. Answers without a body pass. */
  | { readonly kind: 'slow-answer'; readonly bytesPerSecond: number }
  /** The store gets it twice, one after the other; the client hears one of the answers, by default the second. */
  | { readonly kind: 'duplicate'; readonly answer?: 'first' | 'second' }
  /**
   * The store gets it only after `afterRequests` later ones were answered (default 1). The client is cut off at once,
   * as if it had been lost, or `waits` for the answer.
   */
  | { readonly kind: 'late-apply'; readonly afterRequests?: number; readonly client?: 'cut' | 'waits' }
  /** The store does it at once; the client hears so only after `afterRequests` later ones were answered (default 1). */
  | { readonly kind: 'held-answer'; readonly afterRequests?: number }

export type FaultKind = Fault['kind']

/** A request as rules see it. */
export interface SeenRequest {
  readonly method: string
  /** The object's key, decoded; empty for requests about the bucket. */
  readonly key: string
  /** With the question mark, or empty. */
  readonly query: string
}

/** When a fault happens. Everything given must hold. */
export interface FaultRule {
  readonly fault: Fault
  /** Default: any; for `rate-limit` those that write. */
  readonly methods?: readonly string[]
  /** What the object's key begins with, or a test of it. Default: any. */
  readonly key?: string | ((key: string) => boolean)
  /** Counted from 1 over the requests that match the rest: the first one it happens to. Default 1. */
  readonly nth?: number
  /** From `nth` on, to how many of them. Default: all. */
  readonly times?: number
  /** In [0, 1]: the chance that it happens to such a request. Default 1. */
  readonly chance?: number
}
