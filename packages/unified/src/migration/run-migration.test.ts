import { collectBytes, createMemoryBackend, UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { contentsOf, NAMESPACE, put, remove } from './migration.fixture.ts'
import { runMigration } from './run-migration.ts'
import { verifyMigration } from './verify-migration.ts'

const createSides = () => ({ source: createMemoryBackend(), target: createMemoryBackend() })

describe('runMigration', () => {
  it('copies records as the revisions they are, with bodies and blobs', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    await put(source, { id: 'b', value: { deep: ['x'] }, metadata: { kind: 'note' } }, { rev: 7 })
    await source.blobs.put('json_blobs/settings.json', new TextEncoder().encode('{}'), undefined)
    const report = await runMigration(source, target)
    expect(report).toMatchObject({
      total: { copied: 3, alreadyThere: 0, conflicts: 0 },
      findings: [],
      passes: 2,
      settled: true,
    })
    expect(await contentsOf(target)).toEqual(await contentsOf(source))
    expect(await bodyOf(target, 'b')).toBe('{"deep":["x"]}')
    expect(await verifyMigration(source, target)).toMatchObject({ equal: true })
  })

  it('does nothing the second time', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    await runMigration(source, target)
    const again = await runMigration(source, target)
    expect(again).toMatchObject({ total: { copied: 0, alreadyThere: 1 }, passes: 1, settled: true })
  })

  it('replaces what is older and leaves what is newer', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'older-there', value: 'new' }, { rev: 3 })
    await put(target, { id: 'older-there', value: 'old' }, { rev: 2 })
    await put(source, { id: 'newer-there', value: 'old' }, { rev: 2 })
    await put(target, { id: 'newer-there', value: 'new' }, { rev: 3 })
    const report = await runMigration(source, target)
    expect(report.total).toMatchObject({ copied: 1, newerInTarget: 1 })
    expect(await bodyOf(target, 'older-there')).toBe('"new"')
    expect(await bodyOf(target, 'newer-there')).toBe('"new"')
  })

  it('lists different content of the same revision and touches neither', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'same-time', value: 'ours' })
    await put(target, { id: 'same-time', value: 'theirs' })
    await put(source, { id: 'other-time', value: 'ours' })
    await put(target, { id: 'other-time', value: 'theirs', timestamp: '2020-01-01T00:00:00.000Z' })
    await put(source, { id: 'metadata', value: 1, metadata: { a: 1 } })
    await put(target, { id: 'metadata', value: 1, metadata: { a: 2 } })
    const report = await runMigration(source, target)
    expect(report.total).toMatchObject({ copied: 0, conflicts: 3, onlyInTarget: 0 })
    expect(report.findings.map(({ kind, id }) => `${kind} ${id}`).sort()).toEqual([
      'conflict metadata',
      'conflict other-time',
      'conflict same-time',
    ])
    expect(await bodyOf(target, 'same-time')).toBe('"theirs"')
    expect(report.settled).toBe(true)
  })

  it('leaves what only the target has, and says so', async () => {
    const { source, target } = createSides()
    await put(target, { id: 'theirs', value: 1 })
    const elsewhere = { module: 'other', userId: 'u' }
    await put(target, { id: 'theirs', value: 1 }, { namespace: elsewhere })
    await put(source, { id: 'ours', value: 1 })
    const report = await runMigration(source, target)
    expect(report.total).toMatchObject({ copied: 1, onlyInTarget: 2 })
    expect(await verifyMigration(source, target)).toMatchObject({ equal: false })
  })

  it('removes what was deleted in the source after it was copied', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    await runMigration(source, target)
    await remove(source, 'a')
    const report = await runMigration(source, target)
    expect(report.total).toMatchObject({ deleted: 1, onlyInTarget: 0 })
    expect(await target.getEntry(NAMESPACE, 'a')).toBeUndefined()
  })

  it('does not bring back what was deleted in the target', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    await runMigration(source, target)
    await remove(target, 'a')
    const report = await runMigration(source, target)
    expect(report.total).toMatchObject({ copied: 0, deletedInTarget: 1 })
    expect(await target.getEntry(NAMESPACE, 'a')).toBeUndefined()
  })

  it('does not take the deletion of an earlier record for that of one that has its id now', async () => {
    const { source, target } = createSides()
    const earlier = '2025-01-01T00:00:00.000Z'
    for (const [id, side] of [
      ['in source', source],
      ['in target', target],
    ] as const) {
      const other = side === source ? target : source
      await put(other, { id, value: 'earlier', timestamp: earlier })
      await remove(other, id)
      await put(side, { id, value: 'now' })
    }
    const report = await runMigration(source, target)
    expect(report).toMatchObject({ settled: true, total: { copied: 0, deleted: 0, conflicts: 2 } })
    expect(report.findings.map(({ id, reason }) => [id, reason])).toEqual([
      ['in source', expect.stringContaining('deleted another record of this id')],
      ['in target', expect.stringContaining('deleted another record of this id')],
    ])
    expect(await bodyOf(target, 'in target')).toBe('"now"')
  })

  it('keeps a version of the target that is newer than the deletion', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    await put(target, { id: 'a', value: 5 }, { rev: 5 })
    await remove(source, 'a')
    const report = await runMigration(source, target)
    expect(report.total).toMatchObject({ deleted: 0, newerInTarget: 1 })
    expect(await bodyOf(target, 'a')).toBe('5')
  })

  it('lists a record whose body is damaged, and copies the others', async () => {
    const { source, target } = createSides()
    const damaged = await put(source, { id: 'damaged', value: 'xx' })
    await put(source, { id: 'whole', value: 'xx' })
    const openBody: StorageBackend['openBody'] = async (stored, range) =>
      stored.entry.key === damaged.key ? bytes('"xy"') : source.openBody(stored, range)
    const report = await runMigration({ ...source, openBody }, target)
    expect(report.total).toMatchObject({ copied: 1, unconvertible: 1 })
    expect(report.findings).toMatchObject([
      { kind: 'unconvertible', id: 'damaged', reason: 'the body is not what its hash says' },
    ])
  })

  it('copies what is stored while it runs, in further passes', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'first', value: 1 })
    const report = await runMigration(storingOnRead(source, 3), target)
    expect(report).toMatchObject({ total: { copied: 4 }, passes: 5, settled: true })
    expect(await contentsOf(target)).toEqual(await contentsOf(source))
  })

  it('gives up after the last pass and says that it is not settled', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'first', value: 1 })
    const report = await runMigration(storingOnRead(source, Infinity), target, { maxPasses: 3 })
    expect(report).toMatchObject({ passes: 3, settled: false, total: { copied: 3 } })
  })

  it('takes a version that another writer brought meanwhile for what it is', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    await put(source, { id: 'b', value: 1 })
    await put(source, { id: 'c', value: 1 })
    const openBody: StorageBackend['openBody'] = async (stored, range) => {
      if (stored.entry.id === 'a') await put(target, { id: 'a', value: 2 }, { rev: 2 })
      if (stored.entry.id === 'b') {
        await put(target, { id: 'b', value: 1 })
        await remove(target, 'b')
      }
      return source.openBody(stored, range)
    }
    const report = await runMigration({ ...source, openBody }, target)
    expect(report.total).toMatchObject({ copied: 1, newerInTarget: 1, deletedInTarget: 1 })
    expect(await bodyOf(target, 'a')).toBe('2')
    expect(await target.getEntry(NAMESPACE, 'b')).toBeUndefined()
  })

  it('copies only the module, user and time it was asked for', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'old', value: 1, timestamp: '2025-01-01T00:00:00.000Z' })
    await put(source, { id: 'new', value: 1, timestamp: '2026-01-01T00:00:00.000Z' })
    await put(source, { id: 'x', value: 1 }, { namespace: { module: 'finance', userId: 'other' } })
    await source.blobs.put('json_blobs/a.json', new TextEncoder().encode('1'), undefined)
    const report = await runMigration(source, target, {
      ...NAMESPACE,
      since: '2025-06-01T00:00:00.000Z',
    })
    expect(report.namespaces).toMatchObject([{ ...NAMESPACE, copied: 1 }])
    expect((await contentsOf(target)).map(({ id }) => id)).toEqual(['new'])
    expect(await target.blobs.get('json_blobs/a.json')).toBeUndefined()
  })

  it('lists blobs that differ and leaves them', async () => {
    const { source, target } = createSides()
    await source.blobs.put('json_blobs/a.json', new TextEncoder().encode('1'), undefined)
    await target.blobs.put('json_blobs/a.json', new TextEncoder().encode('2'), undefined)
    const report = await runMigration(source, target)
    expect(report.blobs).toMatchObject({ copied: 0, conflicts: 1 })
    expect(report.findings).toMatchObject([{ kind: 'conflict', id: 'json_blobs/a.json' }])
  })

  it('reports how far it is, up to the end', async () => {
    const { source, target } = createSides()
    for (let n = 0; n < 5; n++) await put(source, { id: `r${n}`, value: n })
    const seen: number[] = []
    await runMigration(source, target, {
      onProgress: ({ records, totalRecords }) => {
        expect(totalRecords).toBe(5)
        seen.push(records)
      },
    })
    expect(seen[0]).toBe(0)
    expect(seen.at(-1)).toBe(5)
  })

  it('writes nothing in a dry run and says what it would copy', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    const report = await runMigration(source, target, { dryRun: true })
    expect(report).toMatchObject({ dryRun: true, total: { copied: 1 }, passes: 1, settled: false })
    expect(await contentsOf(target)).toEqual([])
  })

  it('stops when it is told to, and goes on from there when it is run again', async () => {
    const { source, target } = createSides()
    for (let n = 0; n < 3; n++)
      await put(source, { id: `r${n}`, value: n }, { namespace: { module: 'm', userId: `u${n}` } })
    const interruption = new AbortController()
    const onEqual = async () => interruption.abort(new Error('enough'))
    const interrupted = runMigration(source, target, { signal: interruption.signal, onEqual })
    await expect(interrupted).rejects.toThrow('enough')
    const report = await runMigration(source, target)
    expect(report.total.alreadyThere).toBeGreaterThan(0)
    expect(report.total.copied + report.total.alreadyThere).toBe(3)
  })

  it('refuses a concurrency that is none', async () => {
    const { source, target } = createSides()
    await expect(runMigration(source, target, { concurrency: 0 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
  })

  it('sends a batch again when the target did not answer, and recognises what had landed', async () => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    await put(source, { id: 'b', value: 1 })
    const delays: number[] = []
    let failures = 0
    const commit: StorageBackend['commit'] = async (namespace, mutations) => {
      if (failures++ === 0) throw new UmbraError('UNAVAILABLE', 'not now')
      const stored = await target.commit(namespace, mutations)
      if (failures === 2) throw new UmbraError('OUTCOME_PENDING', 'the answer was lost')
      return stored
    }
    const clock = { now: () => 0, sleep: async (delayMs: number) => void delays.push(delayMs) }
    const report = await runMigration(source, { ...target, commit }, { clock })
    expect(report).toMatchObject({ settled: true, findings: [] })
    expect(delays).toHaveLength(2)
    expect(await contentsOf(target)).toEqual(await contentsOf(source))
  })

  it.each([
    ['UNAVAILABLE', 1],
    ['OUTCOME_PENDING', 0],
  ] as const)('deletes again when the target ended that with %s', async (code, deleted) => {
    const { source, target } = createSides()
    await put(source, { id: 'a', value: 1 })
    await runMigration(source, target)
    await remove(source, 'a')
    const delays: number[] = []
    let failures = 0
    const commit: StorageBackend['commit'] = async (namespace, mutations) => {
      if (failures++ > 0) return target.commit(namespace, mutations)
      if (code === 'OUTCOME_PENDING') await target.commit(namespace, mutations)
      throw new UmbraError(code, 'the first answer')
    }
    const clock = { now: () => 0, sleep: async (delayMs: number) => void delays.push(delayMs) }
    const report = await runMigration(source, { ...target, commit }, { clock })
    expect(report).toMatchObject({ settled: true, total: { deleted }, findings: [] })
    expect(delays).toHaveLength(1)
    expect(await contentsOf(target)).toEqual([])
  })

  it.each(['OUTCOME_PENDING', 'PRECONDITION_FAILED'] as const)(
    'tells of every record of a batch that was there when its commit ended with %s',
    async (code) => {
      const { source, target } = createSides()
      await put(source, { id: 'a', value: 1 })
      await put(source, { id: 'b', value: 1 })
      let commits = 0
      const commit: StorageBackend['commit'] = async (namespace, mutations) => {
        if (++commits > 1) return target.commit(namespace, mutations)
        // Of the second kind is a copy that another process makes meanwhile, of one of them.
        await target.commit(namespace, code === 'OUTCOME_PENDING' ? mutations : mutations.slice(0, 1))
        throw new UmbraError(code, 'the first answer')
      }
      const equal: string[] = []
      const report = await runMigration(
        source,
        { ...target, commit },
        {
          clock: { now: () => 0, sleep: async () => {} },
          onEqual: async (_namespace, entries) => void equal.push(...entries.map(({ id }) => id)),
          maxPasses: 1,
        },
      )
      expect(report.total.copied + report.total.alreadyThere).toBe(2)
      expect(equal.sort()).toEqual(['a', 'b'])
    },
  )

  it('says which backend cannot list what it holds', async () => {
    const { source, target } = createSides()
    const { inventory: _inventory, ...withoutInventory } = target
    await expect(runMigration(source, withoutInventory)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})

/** An application that stores another record whenever one is read, before all others in the order. */
function storingOnRead(source: StorageBackend, times: number): StorageBackend {
  let writes = 0
  return {
    ...source,
    async openBody(stored, range) {
      if (++writes <= times)
        await put(source, { id: `late-${writes}`, value: writes, timestamp: '2000-01-01T00:00:00.000Z' })
      return source.openBody(stored, range)
    },
  }
}

async function* bytes(text: string) {
  yield new TextEncoder().encode(text)
}

async function bodyOf(backend: StorageBackend, id: string): Promise<string | undefined> {
  const stored = await backend.getEntry(NAMESPACE, id)
  return stored && Buffer.from(await collectBytes(await backend.openBody(stored))).toString()
}
