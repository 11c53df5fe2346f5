import { createMemoryBody } from '@umbra/core'
import type { Clock, Mutation, ObjectStore } from '@umbra/core'
import pLimit from 'p-limit'
import type { ManifestContext } from './manifest-context.ts'
import { MANIFEST_LIMITS } from './manifest-limits.ts'
import { createMemoryParts } from './memory-parts.fixture.ts'
import { PROTOCOL_RULES } from './protocol-rules.ts'
import { createSegmentReader } from './segment-reader.ts'

/** A context whose time moves only when somebody sleeps, and whose chance is a counter. */
export function createSimulatedContext(
  objects: ObjectStore,
  name: string,
  change: Partial<ManifestContext> = {},
): ManifestContext {
  let nowMs = Date.parse('2026-01-01T00:00:00Z')
  let counter = 0
  const clock: Clock = {
    now: () => nowMs,
    sleep: async (delayMs, signal) => {
      await Promise.resolve()
      if (signal?.aborted !== true) nowMs += delayMs
    },
  }
  const random = () => 0.5
  const retry = { policy: { maxAttempts: 20, baseDelayMs: 10, maxDelayMs: 100 }, clock, random }
  const parts = createMemoryParts()
  return {
    objects,
    clock,
    nextTurn: () => clock.sleep(0),
    ids: { next: () => `${name}${String(++counter).padStart(6, '0')}`, random },
    uploadLimit: pLimit(64),
    retry,
    headIntervalMs: 0,
    commitTimeoutMs: 5_000,
    ...parts,
    segments: createSegmentReader({ ...parts, objects, retry }),
    limits: MANIFEST_LIMITS,
    rules: PROTOCOL_RULES,
    onUpkeepFailure: () => {},
    ...change,
  }
}

/** Creates a record of namespace m/u, or replaces the one with this etag. */
export function putMutation(id: string, text: string, etag?: string): Mutation {
  const body = createMemoryBody(new TextEncoder().encode(text))
  const draft = {
    id,
    module: 'm',
    user_id: 'u',
    timestamp: '2026-01-01T00:00:00.000Z',
    data_type: 'json' as const,
    size: body.size,
    metadata: {},
    sha256: body.sha256,
    record_count: null,
    text,
  }
  return {
    kind: 'put',
    draft,
    body,
    expect: etag === undefined ? { kind: 'absent' } : { kind: 'etag', etag },
  }
}
