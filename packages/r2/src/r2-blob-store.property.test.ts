import { createIdSource, hasErrorCode, systemClock } from '@umbra/core'
import type { NamedWrite } from '@umbra/core'
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

/** Also more than a blob remembers. */
const steps = fc.array(step, { maxLength: 40, size: 'max' })

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
    const write = async (text: string | undefined, named: NamedWrite): Promise<void> => {
      for (;;) {
        try {
          if (text === undefined) await blobs.delete('k', undefined, named)
          else await blobs.put('k', new TextEncoder().encode(text), undefined, named)
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
    const repeated: { readonly text: string | undefined; readonly named: NamedWrite }[] = []
    for (const { text, isNamed, faults: planned } of plan) {
      const named = { opId: ids.next(systemClock.now()), since: await blobs.newest?.('k') }
      faults = isNamed ? [...planned] : []
      await write(text, named)
      // What was on its way arrives now, and finds that it was overtaken.
      objects.settleLate()
      expect(await content()).toBe(text)
      if (isNamed) repeated.push({ text, named })
    }
    const last = await content()
    faults = []
    for (const { text, named } of repeated) await write(text, named)
    expect(await content()).toBe(last)
  }
  await fc.assert(fc.asyncProperty(steps, check), { numRuns: 300 })
})
