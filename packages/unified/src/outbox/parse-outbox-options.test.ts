import { parseSettings } from '@umbra/core'
import { expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import type { OutboxOptions } from './parse-outbox-options.ts'
import { fileExists } from '../cli/file-exists.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'

const BAD: readonly (readonly [field: string, options: object])[] = [
  ['maxParallelLanes', { maxParallelLanes: 0 }],
  ['maxBytes', { maxBytes: Number.NaN }],
  ['onlineTimeoutMs', { onlineTimeoutMs: Infinity }],
  ['breakMs', { breakMs: -1 }],
  ['failuresInARow', { failuresInARow: 0 }],
  ['keepMs', { keepMs: 8 * 24 * 60 * 60 * 1_000 }],
  ['conflicts', { conflicts: 'first-write-wins' }],
  ['argument', { maxByte: 1 }],
]

it.each(BAD)('is refused, before anything is opened: %s', async (field, options) => {
  const folder = await createStorageFolder()
  const settings = parseSettings({
    STORAGE_BACKEND: 'r2',
    R2_ACCOUNT_ID: 'nobody',
    R2_ENDPOINT: 'http://127.0.0.1:9',
    R2_BUCKET: 'none',
    R2_ACCESS_KEY_ID: 'a',
    R2_SECRET_ACCESS_KEY: 'b',
    SQLITE_PATH: folder.sqlitePath,
  })
  const opening = createStorageManager(settings, { outbox: options as OutboxOptions })
  await expect(opening).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field } })
  expect(await fileExists(folder.sqlitePath)).toBe(false)
  await folder.remove()
})
