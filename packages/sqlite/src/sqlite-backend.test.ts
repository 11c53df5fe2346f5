import { createHash, randomBytes } from 'node:crypto'
import { collectBytes, recordEtag, systemClock, verifyLink } from '@umbra/core'
import type { RecordBody, StorageBackend, StoredEntry } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { expect, it } from 'vitest'
import { CHUNK_BYTES } from './body-chunks.ts'
import { creation, deletion, NAMESPACE, replacement } from './entry-drafts.fixture.ts'
import { createSqliteBackend } from './sqlite-backend.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'

const DAY_MS = 24 * 60 * 60 * 1000

async function commitOne(backend: StorageBackend, mutation: Parameters<StorageBackend['commit']>[1][number]) {
  const [stored] = await backend.commit(NAMESPACE, [mutation])
  if (stored === undefined) throw new Error('nothing was committed')
  return stored
}

const textOf = async (backend: StorageBackend, stored: StoredEntry) =>
  Buffer.from(await collectBytes(await backend.openBody(stored))).toString()

/** A body that is only a stream, as large ones are: in pieces that fit no chunk. */
function streamedBody(content: Buffer): RecordBody {
  return {
    size: content.byteLength,
    sha256: createHash('sha256').update(content).digest('hex'),
    bytes: undefined,
    async *stream() {
      for (let at = 0; at < content.byteLength; at += 300_000) yield content.subarray(at, at + 300_000)
    },
    dispose: async () => {},
  }
}

function largeCreation(id: string, content: Buffer) {
  const body = streamedBody(content)
  return { ...creation(id, '', { size: body.size, sha256: body.sha256 }), body }
}

function countRows(path: string, table: string): unknown {
  const connection = new BetterSqlite3(path, { readonly: true })
  const count = connection.prepare(`select count(*) from ${table}`).pluck().get()
  connection.close()
  return count
}

it('gives back an entry exactly as it was committed, in the same order of fields', async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath() })
  const full = creation('full', 'body', {
    metadata: { z: 1, a: { nested: [1, null, 'x'] }, 'ä"\\': true, ['__proto__']: 'own' },
    record_count: 0,
    text: 'some words',
    text_truncated: true,
    updated_at: '2026-02-03T04:05:06.789Z',
    content_type: 'text/plain',
    filename: 'Größe "1".txt',
    size: 5_000_000_000,
  })
  for (const mutation of [full, creation('plain')]) {
    const committed = await commitOne(backend, mutation)
    const read = await backend.getEntry(NAMESPACE, mutation.draft.id)
    expect(JSON.stringify(read)).toBe(JSON.stringify(committed))
    const { items } = await backend.findEntries(NAMESPACE, { order: 'newest', limit: 1 })
    expect(JSON.stringify(items[0])).toBe(JSON.stringify(committed))
    expect(committed.entry).toMatchObject(mutation.draft)
    await commitOne(backend, deletion(committed.entry))
  }
  await backend.close()
})

it('applies mutations in turn, so that nothing is left of the earlier of two with one id', async () => {
  const path = await newDatabasePath()
  const backend = await createSqliteBackend({ path })
  const later = { ...creation('a', 'later'), rev: 3, expect: { kind: 'older', rev: 3 } } as const
  const [, stored] = await backend.commit(NAMESPACE, [creation('a', 'earlier'), later])
  expect(stored?.entry.rev).toBe(3)
  expect(await textOf(backend, stored ?? expect.unreachable())).toBe('later')
  expect(countRows(path, 'bodies')).toBe(1)
  await backend.close()
})

it('counts revisions on through deletions and names each body like an object', async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath() })
  const first = await commitOne(backend, creation('a', 'one'))
  expect(first.entry).toMatchObject({
    rev: 1,
    key: 'finance/user123/2026/01/02/a.json',
    etag: createHash('md5').update('one').digest('hex'),
  })
  const second = await commitOne(backend, replacement(first.entry, 'two'))
  expect(second.entry.rev).toBe(2)
  expect(second.entry.key).toMatch(/^finance\/user123\/2026\/01\/02\/a~2-[0-9A-Z]{26}\.json$/)
  const gone = await commitOne(backend, deletion(second.entry))
  expect(gone.entry).toMatchObject({ rev: 3, op: 'del', text: '', updated_at: '2026-03-04T00:00:00.000Z' })
  const again = await commitOne(backend, creation('a', 'four'))
  expect(again.entry.rev).toBe(4)
  expect(await textOf(backend, again)).toBe('four')
  await backend.close()
})

it('keeps nothing of a deleted record but its tombstone', async () => {
  const path = await newDatabasePath()
  const backend = await createSqliteBackend({ path })
  const large = await commitOne(backend, largeCreation('large', randomBytes(CHUNK_BYTES + 1)))
  const small = await commitOne(
    backend,
    creation('small', 'body', { text: 'hidden words', metadata: { a: 1 } }),
  )
  await backend.commit(NAMESPACE, [deletion(large.entry), deletion(small.entry)])
  expect(await backend.getEntry(NAMESPACE, 'small')).toBeUndefined()
  await backend.close()
  expect(
    ['records', 'bodies', 'body_chunks', 'search_docsize'].map((table) => countRows(path, table)),
  ).toEqual([2, 0, 0, 0])
})

it('applies all mutations of a commit or none, and names the one that failed', async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath() })
  const a = await commitOne(backend, creation('a'))
  const stale = await commitOne(backend, replacement(a.entry, 'newer'))
  const attempt = backend.commit(NAMESPACE, [creation('b'), deletion(a.entry)])
  await expect(attempt).rejects.toMatchObject({
    code: 'PRECONDITION_FAILED',
    details: { index: 1, currentEtag: recordEtag(stale.entry) },
  })
  await expect(backend.commit(NAMESPACE, [creation('c'), creation('a')])).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
    details: { index: 1 },
  })
  const nobody = { ...a.entry, id: 'nobody' }
  await expect(backend.commit(NAMESPACE, [deletion(nobody)])).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect((await backend.findEntries(NAMESPACE, { order: 'oldest', limit: 9 })).items).toEqual([stale])
  await backend.close()
})

it('stores and reads bodies of any size, whole and in ranges', async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath() })
  for (const size of [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 12_345]) {
    const content = randomBytes(size)
    const stored = await commitOne(backend, largeCreation(`size ${size}`, content))
    expect(stored.entry.etag).toBe(createHash('md5').update(content).digest('hex'))
    expect(content.equals(await collectBytes(await backend.openBody(stored))), `${size}`).toBe(true)
    for (const [start, end] of [
      [0, 0],
      [1, undefined],
      [CHUNK_BYTES - 1, CHUNK_BYTES],
      [CHUNK_BYTES, 2 * CHUNK_BYTES - 1],
      [CHUNK_BYTES + 5, 3 * CHUNK_BYTES + 9],
      [size - 3, size + 10],
    ] as const) {
      if (start < 0 || start >= size) continue
      const range = { start, ...(end !== undefined && { end }) }
      const part = await collectBytes(await backend.openBody(stored, range))
      expect(
        content.subarray(start, end === undefined ? undefined : end + 1).equals(part),
        `${size} ${start}`,
      ).toBe(true)
    }
  }
  await backend.close()
})

it('tells a reader whose revision was replaced to read again, even in the middle of a body', async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath() })
  const small = await commitOne(backend, creation('small', 'one'))
  await commitOne(backend, replacement(small.entry, 'two'))
  await expect(backend.openBody(small)).rejects.toMatchObject({ code: 'CONFLICT', retryable: true })

  const large = await commitOne(backend, largeCreation('large', randomBytes(3 * CHUNK_BYTES)))
  const reading = (await backend.openBody(large))[Symbol.asyncIterator]()
  await reading.next()
  await commitOne(backend, replacement(large.entry, 'short'))
  await expect(reading.next()).rejects.toMatchObject({ code: 'CONFLICT' })
  await backend.close()
})

it('calls a current record without its body corrupt', async () => {
  const path = await newDatabasePath()
  const backend = await createSqliteBackend({ path })
  const stored = await commitOne(backend, creation('a'))
  const damaging = new BetterSqlite3(path)
  damaging.exec('delete from bodies')
  damaging.close()
  await expect(backend.openBody(stored)).rejects.toMatchObject({ code: 'CORRUPT' })
  await backend.close()
})

it('leaves nothing of a large body whose commit was rejected or whose stream failed', async () => {
  const path = await newDatabasePath()
  const backend = await createSqliteBackend({ path })
  await commitOne(backend, creation('taken'))
  const content = randomBytes(2 * CHUNK_BYTES)
  await expect(commitOne(backend, largeCreation('taken', content))).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  })
  const broken = largeCreation('broken', content)
  const failure = new Error('the source went away')
  async function* half() {
    yield content
    throw failure
  }
  const body = { ...broken.body, stream: half }
  await expect(commitOne(backend, { ...broken, body })).rejects.toBe(failure)
  await backend.close()
  expect([countRows(path, 'bodies'), countRows(path, 'body_chunks')]).toEqual([1, 0])
})

it('removes on opening what a process that died left of a large body a day ago, not before', async () => {
  const path = await newDatabasePath()
  const first = await createSqliteBackend({ path })
  await first.close()
  const crashed = new BetterSqlite3(path)
  crashed.exec(
    "insert into bodies (pk, staged_at) values (7, 1000); insert into body_chunks values (7, 0, x'00')",
  )
  crashed.close()
  for (const [now, left] of [
    [1000 + DAY_MS, 1],
    [1001 + DAY_MS, 0],
  ] as const) {
    const backend = await createSqliteBackend({ path }, { clock: { ...systemClock, now: () => now } })
    await backend.close()
    expect([countRows(path, 'bodies'), countRows(path, 'body_chunks')]).toEqual([left, left])
  }
})

it('signs download links when it is told how, and says what is missing when not', async () => {
  const links = { secret: 'a secret of the test', publicUrl: 'https://files.example' }
  const clock = { ...systemClock, now: () => 5_000 }
  const backend = await createSqliteBackend({ path: await newDatabasePath(), links }, { clock })
  expect(backend.capabilities.presignedDownload).toBe(true)
  const stored = await commitOne(backend, creation('a'))
  const link = await backend.presignDownload(stored, { expiresInSeconds: 60, downloadAs: 'a.json' })
  expect(verifyLink(links.secret, link.slice('https://files.example/v1/links/'.length), 64_999)).toEqual({
    key: stored.entry.key,
    expiresAt: 65_000,
    downloadAs: 'a.json',
  })
  await backend.close()

  const without = await createSqliteBackend({ path: await newDatabasePath() })
  await expect(without.presignDownload(stored, { expiresInSeconds: 60 })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringMatching(/UMBRA_SIGNING_SECRET.*UMBRA_PUBLIC_URL/),
  })
  await without.close()
})

it('lets timers and writes run while a loop does nothing but read', async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath() })
  const storing = commitOne(backend, creation('a'))
  let read: StoredEntry | undefined
  while (read === undefined) read = await backend.getEntry(NAMESPACE, 'a')
  expect(read).toEqual(await storing)
  await backend.close()
})

it('finishes running commits before it closes, and refuses calls from then on', async () => {
  const path = await newDatabasePath()
  const backend = await createSqliteBackend({ path })
  const storing = commitOne(backend, largeCreation('large', randomBytes(5 * CHUNK_BYTES)))
  await Promise.all([backend.close(), backend.close()])
  const stored = await storing
  for (const call of [
    () => backend.commit(NAMESPACE, []),
    () => backend.getEntry(NAMESPACE, 'large'),
    () => backend.openBody(stored),
    () => backend.health(),
  ]) {
    await expect(call()).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('closed'),
    })
  }
  const reopened = await createSqliteBackend({ path })
  expect(await reopened.getEntry(NAMESPACE, 'large')).toEqual(stored)
  await reopened.close()
})

it('finishes running blob writes before it closes', async () => {
  const path = await newDatabasePath()
  const backend = await createSqliteBackend({ path })
  const putting = backend.blobs.put('json_blobs/a.json', Buffer.from('1'), undefined)
  await backend.close()
  await putting
  expect(countRows(path, 'blobs')).toBe(1)
})
