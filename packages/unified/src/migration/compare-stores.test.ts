import { createMemoryBackend } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareStores } from './compare-stores.ts'
import { NOTHING_COMPARED } from './comparison-report.ts'
import type { DifferenceKind, StoreDifference } from './comparison-report.ts'
import { NAMESPACE, put, remove } from './migration.fixture.ts'

/** Where a record is, and what a comparison must say of it. */
const STATES = {
  equal: 'equal',
  onlyInSource: 'onlyInSource',
  onlyInTarget: 'onlyInTarget',
  deletedInSource: 'deletedInSource',
  deletedInTarget: 'deletedInTarget',
  deletedInBoth: undefined,
  usedAgainInSource: 'onlyInSource',
  usedAgainInTarget: 'onlyInTarget',
  otherRevision: 'different',
  otherContent: 'different',
  otherMetadata: 'different',
  otherTime: 'different',
} as const satisfies Record<string, DifferenceKind | 'equal' | undefined>

type State = keyof typeof STATES
// A constant object literal has no other keys.
const ALL_STATES = Object.keys(STATES) as State[]

/** One deleted an earlier record of this id than the other has. */
async function useAgain(earlier: StorageBackend, later: StorageBackend, id: string): Promise<void> {
  await put(earlier, { id, value: 1, timestamp: '2020-01-01T00:00:00.000Z' })
  await remove(earlier, id)
  await put(later, { id, value: 2 })
}

async function arrange(sides: Sides, id: string, state: State): Promise<void> {
  const { source, target } = sides
  if (state === 'usedAgainInSource') return useAgain(target, source, id)
  if (state === 'usedAgainInTarget') return useAgain(source, target, id)
  if (state !== 'onlyInTarget') await put(source, { id, value: 1 })
  if (state === 'otherContent') await put(target, { id, value: 2 })
  else if (state === 'otherRevision') await put(target, { id, value: 1 }, { rev: 2 })
  else if (state === 'otherMetadata') await put(target, { id, value: 1, metadata: { tag: 'x' } })
  else if (state === 'otherTime') await put(target, { id, value: 1, timestamp: '2020-01-01T00:00:00.000Z' })
  else if (state !== 'onlyInSource') await put(target, { id, value: 1 })
  if (state === 'deletedInSource' || state === 'deletedInBoth') await remove(source, id)
  if (state === 'deletedInTarget' || state === 'deletedInBoth') await remove(target, id)
}

interface Sides {
  readonly source: StorageBackend
  readonly target: StorageBackend
}

const newSides = (): Sides => ({ source: createMemoryBackend(), target: createMemoryBackend() })
const bytes = (text: string) => new TextEncoder().encode(text)

describe('compareStores', () => {
  it('says of every record what is true of it, once, and that nothing differs only then', async () => {
    const states = fc.array(fc.constantFrom(...ALL_STATES), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(states, async (planned) => {
        const sides = newSides()
        for (const [n, state] of planned.entries()) await arrange(sides, `r${n}`, state)
        const found = new Map<string, string>()
        const report = await compareStores(sides.source, sides.target, {
          onDifference: ({ id, kind }) => void found.set(id, kind),
        })
        const verdicts = planned.map((state, n) => [`r${n}`, STATES[state]] as const)
        const differing = verdicts.filter(([, kind]) => kind !== undefined && kind !== 'equal')
        expect(found).toEqual(new Map(differing))
        const counts: Record<string, number> = { ...NOTHING_COMPARED }
        for (const [, kind] of verdicts) if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1
        expect(report.total).toEqual(counts)
        expect(report.equal).toBe(differing.length === 0)
      }),
      { numRuns: 60 },
    )
  })

  it('names both versions, and compares blobs unless only a part is meant', async () => {
    const { source, target } = newSides()
    const mine = await put(source, { id: 'a', value: 1 })
    await put(target, { id: 'b', value: 1 }, { namespace: { module: 'other', userId: 'u' } })
    await source.blobs.put('json_blobs/same.json', bytes('1'), undefined)
    await target.blobs.put('json_blobs/same.json', bytes('1'), undefined)
    const { etag } = await target.blobs.put('json_blobs/only.json', bytes('2'), undefined)
    const found: StoreDifference[] = []
    const onDifference = (one: StoreDifference) => void found.push(one)
    const report = await compareStores(source, target, { onDifference })
    expect(found).toContainEqual({
      kind: 'onlyInSource',
      namespace: NAMESPACE,
      id: 'a',
      source: `1-${mine.sha256.slice(0, 32)}`,
      target: null,
    })
    expect(found).toContainEqual({
      kind: 'onlyInTarget',
      namespace: undefined,
      id: 'json_blobs/only.json',
      source: null,
      target: etag,
    })
    expect(report).toMatchObject({ equal: false, blobs: { equal: 1, onlyInTarget: 1 } })
    expect(report.namespaces).toHaveLength(2)
    const part = await compareStores(source, target, { module: NAMESPACE.module })
    expect(part).toMatchObject({ total: { onlyInSource: 1, onlyInTarget: 0 }, blobs: NOTHING_COMPARED })
  })

  it('does not take what is written while it reads for a difference', async () => {
    const { source, target } = newSides()
    for (const side of [source, target]) await put(side, { id: 'a', value: 1 })
    let written = false
    const busy: StorageBackend = {
      ...target,
      async findEntries(namespace, query) {
        const page = await target.findEntries(namespace, query)
        if (!written) for (const side of [source, target]) await put(side, { id: 'a', value: 2 }, { rev: 2 })
        written = true
        return page
      },
    }
    expect(await compareStores(source, busy)).toMatchObject({ equal: true, total: { equal: 1 } })
    expect(written).toBe(true)
  })

  it('ends when it is told to, with the reason', async () => {
    const { source, target } = newSides()
    await put(source, { id: 'a', value: 1 })
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(compareStores(source, target, { signal })).rejects.toThrow('enough')
  })
})
