import { createIdSource, hasErrorCode, systemClock } from '@umbra/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createSimulatedStore } from './manifest/simulated-store.fixture.ts'
import type { Fault } from './manifest/simulated-store.fixture.ts'
import { createR2BlobStore } from './r2-blob-store.ts'

interface Step {
  /** Undefined deletes. */
  readonly text: string | undefined
  /** It is repeated under its name until its outcome is known. */
  readonly isNamed: boolean
  /** What becomes of its requests, in turn. */
  readonly faults: readonly Fault[]
}

const step: fc.Arbitrary<Step> = fc.record({
  text: fc.option(fc.constantFrom('"A"', '"B"', '"C"'), { nil: undefined }),
  isNamed: fc.boolean(),
  faults: fc.array(fc.constantFrom<Fault>('none', 'lost-request', 'lost-answer', 'late'), { maxLength: 4 }),
})

/** Fewer than a blob remembers. */
const steps = fc.array(step, { maxLength: 12 })

it('a named write is applied once, whatever becomes of its requests and however late it is repeated', async () => {
  const check = async (plan: readonly Step[]) => {
    let faults: Fault[] = []
    const objects = createSimulatedStore((operation) =>
      operation === 'put' ? (faults.shift() ?? 'none') : 'none',
    )
    const ids = createIdSource()
    const policy = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 1 }
    const retry = { policy, clock: { ...systemClock, sleep: async () => {} }, random: ids.random }
    const blobs = createR2BlobStore({ objects, ids, clock: systemClock, retry })
    const write = async (text: string | undefined, opId: string): Promise<void> => {
      for (;;) {
        try {
          if (text === undefined) await blobs.delete('k', undefined, opId)
          else await blobs.put('k', new TextEncoder().encode(text), undefined, opId)
          return
        } catch (error) {
          if (!hasErrorCode(error, 'OUTCOME_PENDING', 'UNAVAILABLE')) throw error
        }
      }
    }
    const content = async () => {
      const found = await blobs.get('k')
      return found && Buffer.from(found.bytes).toString()
    }
    const named: { readonly text: string | undefined; readonly opId: string }[] = []
    for (const { text, isNamed, faults: planned } of plan) {
      const opId = ids.next(systemClock.now())
      faults = isNamed ? [...planned] : []
      await write(text, opId)
      // What was on its way arrives now, and finds that it was overtaken.
      objects.settleLate()
      expect(await content()).toBe(text)
      if (isNamed) named.push({ text, opId })
    }
    const last = await content()
    faults = []
    for (const { text, opId } of named) await write(text, opId)
    expect(await content()).toBe(last)
  }
  await fc.assert(fc.asyncProperty(steps, check), { numRuns: 300 })
})
