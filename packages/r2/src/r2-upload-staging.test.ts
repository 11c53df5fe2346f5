import { expect, it } from 'vitest'
import { collect, FAST_RETRY } from './objects/r2-store.fixture.ts'
import { openScripted, writeObjectHead } from './objects/scripted-store.fixture.ts'
import { createUploadStaging } from './r2-upload-staging.ts'

const NAMESPACE = { module: 'm', userId: 'u' }

it('asks again when a connection is lost: an idle one may be closed just when it is used', async () => {
  const seen: string[] = []
  const { store } = await openScripted(({ method }, response) => {
    const isFirst = !seen.includes(method)
    seen.push(method)
    if (isFirst) {
      response.socket?.resetAndDestroy()
      return
    }
    if (method === 'DELETE') response.writeHead(204)
    else writeObjectHead(response, 3)
    response.end(method === 'DELETE' ? undefined : 'abc')
  })
  const unused = async () => 'https://example.com'
  const staging = createUploadStaging(
    { objects: store, retry: FAST_RETRY },
    { presignDownload: unused, presignUpload: unused },
  )
  const staged = await staging.open(NAMESPACE, 'id')
  if (staged === undefined) throw new Error('the upload is there')
  expect(Buffer.concat(await collect(staged.stream())).toString()).toBe('abc')
  await staging.delete(NAMESPACE, 'id')
  expect(seen).toEqual(['GET', 'GET', 'DELETE', 'DELETE'])
})
