import type { ManifestEntry } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'

/** Somebody names an object. */
export interface Reference {
  /** Object key. */
  readonly key: string
  /**
   * `live`: the body of a record. `replaced`: of a revision that is not current, but still in a part. `deleted`: of a
   * record that was deleted. `doomed`: in a list of objects to be deleted.
   */
  readonly role: 'live' | 'replaced' | 'deleted' | 'doomed'
  /** The record's id; empty for a doomed object. */
  readonly id: string
  /** Bytes. */
  readonly size: number
  readonly rev: number
  /** Lower-case hex; empty when it is not known. */
  readonly sha256: string
}

/** Sorts before every character a key has, so that numbers behind it do not change the order of keys. */
const SEPARATOR = '\u0001'

const EPOCH = new Date(0).toISOString()

/**
 * References in the order of their keys, which is that of a listing. Sorted as a run on this machine, which needs no
 * more memory for many than for few; nothing of it is stored.
 */
export async function withSortedReferences<T>(
  references: AsyncIterable<Reference>,
  context: Pick<ManifestContext, 'runs' | 'cache'>,
  use: (sorted: AsyncIterable<Reference>) => Promise<T>,
): Promise<T> {
  const path = await context.cache.temporaryPath(context.runs.extension)
  const written = await context.runs.write(toRows(references), path)
  if (written === undefined) return use(fromRows([]))
  const { body: _, path: local, ...summary } = written
  const pointer = {
    _: 'run',
    key: `references/${written.sha256}`,
    level: 0,
    seq: [0, 0],
    ...summary,
  } as const
  try {
    return await use(fromRows(context.runs.readAll({ pointer, path: local })))
  } finally {
    // The only way to delete a file of the cache, wherever it keeps them.
    await context.cache.adopt(pointer, local)
    await context.cache.forget(pointer)
  }
}

/** A reference in the shape of an entry: that is what runs can hold. */
async function* toRows(references: AsyncIterable<Reference>): AsyncGenerator<ManifestEntry, void, undefined> {
  let count = 0
  for await (const { key, role, id, size, rev, sha256 } of references) {
    yield {
      id: `${key}${SEPARATOR}${++count}`,
      module: '',
      user_id: '',
      timestamp: EPOCH,
      data_type: 'json',
      key: '',
      etag: '',
      size,
      metadata: { role, id },
      rev,
      op: 'put',
      sha256,
      record_count: null,
      text: '',
    }
  }
}

async function* fromRows(
  rows: Iterable<ManifestEntry> | AsyncIterable<ManifestEntry>,
): AsyncGenerator<Reference, void, undefined> {
  for await (const row of rows) {
    const { size, rev, sha256 } = row
    // Written by `toRows` a moment ago.
    const { role, id } = row.metadata as Pick<Reference, 'role' | 'id'>
    yield { key: row.id.slice(0, row.id.lastIndexOf(SEPARATOR)), role, id, size, rev, sha256 }
  }
}
