import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSettings } from '@umbra/core'
import { createStorageManager } from '@umbra/unified'
import { startLocalR2 } from '@umbra/unified/local'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JSON_HEADERS, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { record, recordPage } from './schemas/record-schemas.ts'

const ROOT = '/v1/m/u'

describe('while R2 does not answer', () => {
  let folder = ''
  let api: RunningApi

  const put = async (path: string, body: unknown) =>
    api.call(`${ROOT}${path}`, { method: 'PUT', headers: JSON_HEADERS, body: JSON.stringify(body) })
  const post = async (body: unknown) =>
    api.call(`${ROOT}/records`, { method: 'POST', headers: JSON_HEADERS, body: JSON.stringify(body) })
  const get = (path: string) => api.call(`${ROOT}${path}`)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'umbra-api-'))
    const server = await startLocalR2()
    const storage = await createStorageManager(
      parseSettings({
        STORAGE_BACKEND: 'hybrid',
        SQLITE_PATH: join(folder, 'umbra.sqlite'),
        R2_ACCOUNT_ID: 'local',
        R2_ENDPOINT: server.endpoint,
        R2_BUCKET: server.bucket,
        R2_ACCESS_KEY_ID: server.accessKeyId,
        R2_SECRET_ACCESS_KEY: server.secretAccessKey,
      }),
    )
    api = await startApi({ storage })
    await post({ data: 'walnut', id: 'before' })
    await put('/blobs/settings', 1)
    await server.close()
    await post({ data: 'walnut', id: 'during' })
  })
  afterAll(async () => {
    await api.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const stale = { asOf: expect.any(String), pending: 1 }

  it('records and pages say that they may be out of date, as the schemas have it', async () => {
    expect(record.parse(await (await get('/records/before')).json())).toMatchObject({ data: 'walnut', stale })
    for (const path of ['/records', '/search?q=walnut&order=oldest']) {
      const page = recordPage.parse(await (await get(path)).json())
      expect(page, path).toMatchObject({
        items: [
          { id: 'before', pending: false, stale },
          { id: 'during', pending: true, stale },
        ],
        stale,
      })
    }
    const nothing = recordPage.parse(await (await get('/search?q=chestnut')).json())
    expect(nothing).toEqual({ items: [], cursor: null, stale })
  })

  it.each(['/records/before?', '/records?', '/search?q=walnut&', '/blobs/settings?'])(
    'GET %sconsistency=strong is answered with 503',
    async (path) => {
      expect((await get(path)).status).toBe(200)
      const response = await get(`${path}consistency=strong`)
      expect(response.status).toBe(503)
      expect(await response.json()).toMatchObject({ code: 'UNAVAILABLE' })
      expect((await get(`${path}consistency=weak`)).status).toBe(400)
    },
  )
})
