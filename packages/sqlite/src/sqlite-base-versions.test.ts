import type { ManifestEntry, Mutation, StorageBackend } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { creation, deletion, NAMESPACE, replacement } from './entry-drafts.fixture.ts'
import { createSqliteBackend } from './sqlite-backend.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'
import { tracesInFile } from './traces-in-file.fixture.ts'

/** Like no other text of a database. */
const VERSION = 'zqx-version'

let path: string
let backend: StorageBackend
beforeEach(async () => {
  path = await newDatabasePath()
  backend = await createSqliteBackend({ path })
})
afterEach(() => backend.close())

async function commit(mutation: Mutation): Promise<ManifestEntry> {
  const [stored] = await backend.commit(NAMESPACE, [mutation])
  return stored?.entry ?? expect.unreachable()
}

const bases = () => backend.bases ?? expect.unreachable()
const basesOf = async (id: string) => (await bases().get(NAMESPACE, id))?.bases

describe('the bases of a record', () => {
  it('are told what was made of the mutation, one by one of several', async () => {
    const named = ({ id, rev }: ManifestEntry) => [`${id} ${rev}`]
    await backend.commit(
      NAMESPACE,
      ['a', 'b', 'c'].map((id) => ({ ...creation(id), rev: 7, ...(id !== 'b' && { bases: named }) })),
    )
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(basesOf))).toEqual([['a 7'], [], ['c 7'], undefined])
  })

  it('are those of the later mutation when two of a commit have one id, and nobody else gets them', async () => {
    await commit({ ...creation('b'), bases: () => ['of b'] })
    await backend.commit(NAMESPACE, [
      { ...creation('a', 'earlier'), bases: () => ['earlier'] },
      { ...creation('a', 'later'), rev: 3, expect: { kind: 'older', rev: 3 }, bases: () => ['later'] },
    ])
    expect(await Promise.all(['a', 'b'].map(basesOf))).toEqual([['later'], ['of b']])
  })

  it('stay when it is changed, deleted and created again', async () => {
    const first = await commit({ ...creation('a'), bases: () => [VERSION] })
    const second = await commit(replacement(first, 'second'))
    await commit(deletion(second))
    expect(await bases().get(NAMESPACE, 'a')).toMatchObject({ entry: { op: 'del' }, bases: [VERSION] })
    await commit(creation('a', 'again'))
    expect(await basesOf('a')).toEqual([VERSION])
    await backend.close()
    backend = await createSqliteBackend({ path })
    expect(await basesOf('a')).toEqual([VERSION])
  })

  it('are replaced, and removed, together with the entry; a refused commit leaves both', async () => {
    const first = await commit({ ...creation('a'), bases: () => ['one'] })
    const second = await commit({ ...replacement(first, 'second'), bases: () => ['two', 'three'] })
    const refused = backend.commit(NAMESPACE, [
      { ...creation('b'), bases: () => ['new'] },
      { ...replacement(first, 'third'), bases: () => ['four'] },
    ])
    await expect(refused).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await bases().get(NAMESPACE, 'a')).toEqual({ entry: second, bases: ['two', 'three'] })
    expect(await basesOf('b')).toBeUndefined()
    await commit({ ...deletion(second), bases: () => [] })
    expect(await basesOf('a')).toEqual([])
  })

  it('can be edited for several ids at once, and for none when one edit fails', async () => {
    for (const id of ['a', 'b', 'c']) await commit({ ...creation(id), bases: () => ['one'] })
    const ids = ['a', 'never', 'b', 'c']
    await bases().edit(NAMESPACE, ids, ({ entry, bases: known }) =>
      entry.id === 'b' ? undefined : [...known, entry.id],
    )
    expect(await Promise.all(ids.map(basesOf))).toEqual([['one', 'a'], undefined, ['one'], ['one', 'c']])
    const failing = bases().edit(NAMESPACE, ids, ({ entry }) => {
      if (entry.id === 'c') throw new Error('no')
      return []
    })
    await expect(failing).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await basesOf('a')).toEqual(['one', 'a'])
  })

  it('are not in the file any more after a hard deletion, also when the record was deleted before', async () => {
    const first = await commit({ ...creation('a'), bases: () => [VERSION] })
    await commit(deletion(first))
    expect(await tracesInFile(path, VERSION)).not.toEqual([])
    await backend.purge?.(NAMESPACE, 'a')
    expect(await tracesInFile(path, VERSION)).toEqual([])
  })
})
