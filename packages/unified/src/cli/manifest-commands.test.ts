import { headKey, manageBackend } from '@umbra/core'
import type { Environment, ObjectStore } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openR2 } from '../../../r2/src/create-r2-backend.ts'
import { MANIFEST_LIMITS } from '../../../r2/src/manifest/manifest-limits.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { runUmbra } from './cli.fixture.ts'

/** A part after each commit, so that there is something to merge. */
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 1, overfull: 1 }

/** Each test has a namespace of its own, with records a to e, of which b was deleted. */
let user: string
let bucket: ObjectStore
let server: LocalR2
let folder: StorageFolder
let env: Environment
let users = 0
let close: () => Promise<void>

const at = () => ({ module: 'm', userId: user })
const within = () => ['--module', 'm', '--user', user]
const umbra = (words: readonly string[], options: { answer?: string } = {}) =>
  runUmbra(words, { env, ...options })

beforeAll(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
  env = {
    ...toEnvironment(server),
    STORAGE_BACKEND: 'r2',
    SQLITE_PATH: folder.sqlitePath,
    UMBRA_CACHE_DIR: folder.path,
  }
  const { backend, objects } = await openR2(server.settings)
  bucket = objects
  close = () => backend.close()
})
afterAll(async () => {
  await close()
  await server.close()
  await folder.remove()
})

beforeEach(async () => {
  user = `u${++users}`
  const { backend } = await openR2(server.settings, { limits: LIMITS })
  const storage = manageBackend(backend)
  const store = (ids: readonly string[]) =>
    storage.storeMany(ids.map((id) => ({ ...at(), id, data: { id } })))
  await store(['a', 'b', 'c'])
  await store(['d', 'e'])
  await storage.deleteData('m', user, 'b')
  // Its upkeep in the background is over then.
  await storage.close()
})

async function bodyOf(id: string): Promise<string> {
  for await (const { key } of bucket.list(`m/${user}/`)) if (key.includes(`/${id}`)) return key
  throw new Error(`there is no body of ${id}`)
}

const loseManifest = () => bucket.delete(headKey(at()))

const isManifestThere = async () => (await bucket.head(headKey(at()))) !== undefined

describe('umbra fsck', () => {
  it('says how much was checked, and ends with 0 when nothing is wrong', async () => {
    const text = await umbra(['fsck', ...within()])
    expect(text).toMatchObject({ exitCode: 0, stderr: '' })
    expect(text.stdout).toMatch(/^MODULE +USER +RECORDS +BYTES +PARTS +PROBLEMS$/m)
    expect(text.stdout).toMatch(new RegExp(`^m +${user} +4 +40 B +2 +0$`, 'm'))
    const json = await umbra(['fsck', ...within(), '--json'])
    expect(json).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(json.stdout)).toEqual([{ ...at(), records: 4, bytes: 40, parts: 2, problems: [] }])
  })

  it('names what is lost and what to run next, and ends with 3', async () => {
    await loseManifest()
    const text = await umbra(['fsck', ...within()])
    expect(text).toMatchObject({ exitCode: 3, stderr: '' })
    expect(text.stdout).toMatch(new RegExp(`^m/${user}: head-lost: .*\n  .*umbra rebuild`, 'm'))
    const json = await umbra(['fsck', ...within(), '--json'])
    expect([json.exitCode, JSON.parse(json.stdout)]).toMatchObject([
      3,
      [{ ...at(), problems: [{ kind: 'head-lost' }] }],
    ])
    expect(await isManifestThere()).toBe(false)
  })

  it('reads the bodies only when it is told to be deep', async () => {
    await bucket.put(await bodyOf('c'), new TextEncoder().encode('{"id":"x"}'))
    expect((await umbra(['fsck', ...within()])).exitCode).toBe(0)
    const deep = await umbra(['fsck', ...within(), '--deep'])
    expect(deep.exitCode).toBe(3)
    expect(deep.stdout).toContain(`m/${user}: body-damaged: c\n`)
  })
})

describe('umbra compact', () => {
  it('says in a dry run what would be merged, and merges nothing', async () => {
    const text = await umbra(['compact', ...within(), '--dry-run'])
    expect(text).toMatchObject({ exitCode: 0, stderr: '' })
    expect(text.stdout).toMatch(/^MODULE +USER +PARTS BEFORE +WOULD BE$/m)
    expect(text.stdout).toMatch(new RegExp(`^m +${user} +2 +1$`, 'm'))
    // From two once more.
    const json = await umbra(['compact', ...within(), '--dry-run', '--json'])
    const planned = { ...at(), partsBefore: 2, partsAfter: 1, dryRun: true }
    expect([json.exitCode, JSON.parse(json.stdout)]).toEqual([0, [planned]])
  })

  it('merges the parts into one, and every record is still there', async () => {
    const text = await umbra(['compact', ...within()])
    expect(text).toMatchObject({ exitCode: 0, stderr: '' })
    expect(text.stdout).toMatch(/^MODULE +USER +PARTS BEFORE +NOW$/m)
    expect(text.stdout).toMatch(new RegExp(`^m +${user} +2 +1$`, 'm'))
    const json = await umbra(['compact', ...within(), '--json'])
    const done = { ...at(), partsBefore: 1, partsAfter: 1, dryRun: false }
    expect([json.exitCode, JSON.parse(json.stdout)]).toEqual([0, [done]])
    expect((await umbra(['fsck', ...within()])).stdout).toMatch(
      new RegExp(`^m +${user} +4 +40 B +1 +0$`, 'm'),
    )
  })
})

describe('umbra rebuild', () => {
  const rebuild = (words: readonly string[], options: { answer?: string } = {}) =>
    umbra(['rebuild', 'm', user, ...words], options)

  it('asks, writes only when that was agreed to, names what may have been deleted, and ends with 3 then', async () => {
    await loseManifest()
    const refused = await rebuild([], { answer: 'n' })
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain(`Replace the manifest of m/${user} by one made from what is left? [y/N]`)
    expect(await isManifestThere()).toBe(false)
    const agreed = await rebuild([], { answer: 'y' })
    expect(agreed.exitCode).toBe(3)
    expect(agreed.stdout).toMatch(new RegExp(`^m/${user}: has 5 records$`, 'm'))
    expect(agreed.stdout).toMatch(/ 5 may have been deleted .*\n    a\n    b\n    c\n    d\n    e\n$/)
    expect(await umbra(['get', 'm', user, 'a'])).toMatchObject({ exitCode: 0, stdout: '{"id":"a"}\n' })
  })

  it('writes nothing where there is no terminal to ask on, and says what agrees', async () => {
    await loseManifest()
    const json = await rebuild(['--json'])
    expect(json.exitCode).toBe(2)
    expect(json.stderr).toContain('give --yes to agree')
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'INVALID_INPUT' } })
    expect(await isManifestThere()).toBe(false)
  })

  it('neither asks nor writes in a dry run, and says what would be restored', async () => {
    await loseManifest()
    const text = await rebuild(['--dry-run'])
    expect(text).toMatchObject({ exitCode: 3, stderr: '' })
    expect(text.stdout).toMatch(new RegExp(`^m/${user}: would have 5 records\n  from manifests`, 'm'))
    const json = await rebuild(['--dry-run', '--json'])
    expect(json.exitCode).toBe(3)
    expect(JSON.parse(json.stdout)).toMatchObject({ ...at(), records: 5, dryRun: true })
    expect(JSON.parse(json.stdout).uncertain).toHaveLength(5)
    expect(await isManifestThere()).toBe(false)
  })

  it('does not ask with --yes, and ends with 0 when nothing is uncertain', async () => {
    // The deletion of b is in a part then, and not only in the manifest.
    await umbra(['compact', ...within()])
    const head = await bucket.get(headKey(at()))
    if (head?.kind !== 'found') throw new Error('there is no manifest')
    // Its first line still counts what must be found.
    await bucket.put(headKey(at()), Buffer.concat([await head.bytes(), Buffer.from('damaged\n')]))
    const { exitCode, stdout, stderr } = await rebuild(['--yes', '--json'])
    expect([exitCode, JSON.parse(stdout), stderr]).toMatchObject([
      0,
      { ...at(), records: 4, uncertain: [], dryRun: false },
      '',
    ])
    expect((await umbra(['fsck', ...within()])).exitCode).toBe(0)
  })

  it('leaves a manifest that is whole, and ends with 3', async () => {
    const whole = await rebuild(['--yes', '--json'])
    expect(whole.exitCode).toBe(3)
    expect(JSON.parse(whole.stdout)).toMatchObject({ error: { code: 'CONFLICT' } })
    expect(whole.stderr).toContain('there is nothing to rebuild: the manifest is whole')
  })
})
