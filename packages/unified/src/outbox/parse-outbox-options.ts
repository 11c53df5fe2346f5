import { parseInput } from '@umbra/core'
import { z } from 'zod'
import type { OutboxSettings } from '@umbra/sqlite'
import type { OutboxPolicy } from './outbox-policy.ts'

/** Bounds of the outbox and its behaviour; see docs/outbox.md. */
export type OutboxOptions = Partial<OutboxPolicy> & Pick<OutboxSettings, 'maxBytes' | 'keepBytes' | 'keepMs'>

/** A longer wait ends at once: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2 ** 31 - 1
const KEEP_MOST_MS = 7 * 24 * 60 * 60 * 1_000

const wait = z.int().min(0).max(LONGEST_TIMER_MS).exactOptional()
const wholePositive = z.int().min(1).exactOptional()

const schema = z.strictObject({
  onlineTimeoutMs: wait,
  recoveryJitterMs: wait,
  failuresInARow: wholePositive,
  breakMs: wait,
  maxBreakMs: wait,
  pausedRetryMs: wait,
  maxParallelLanes: wholePositive,
  conflicts: z.enum(['reject', 'last-write-wins']).exactOptional(),
  maxBytes: wholePositive,
  keepBytes: z.int().min(0).exactOptional(),
  keepMs: z.int().min(0).max(KEEP_MOST_MS).exactOptional(),
})

/**
 * With one that makes no sense, writes would wait for ever or be told things that are not so.
 *
 * @throws `INVALID_INPUT` with every problem.
 */
export function parseOutboxOptions(options: OutboxOptions): OutboxOptions {
  return parseInput<OutboxOptions>(schema, withoutUndefined(options))
}

function withoutUndefined(options: OutboxOptions): OutboxOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
