import { describe, expect, it } from 'vitest'
import type { SuiteContext } from './backend-under-test.ts'

export function linkSuite(context: SuiteContext): void {
  describe('links', () => {
    it('gives a download link, or the reason why there is none', async () => {
      const { storage } = context
      const module = context.newModule()
      const stored = await storage.storeData({ module, userId: 'u', data: { secret: 1 } })
      const { presignedDownload } = (await storage.getStorageInfo()).capabilities
      const link = storage.generatePresignedUrl(stored.storageKey, { expiresIn: 60 })
      if (presignedDownload === true) {
        expect(new URL(await link).protocol).toMatch(/^https?:$/)
      } else {
        await expect(link).rejects.toMatchObject({
          code: 'UNSUPPORTED',
          message: expect.stringContaining(presignedDownload.missing),
        })
      }
    })

    it('gives no link to anything but the current revision of a record', async () => {
      const { storage } = context
      const module = context.newModule()
      const first = await storage.storeData({ module, userId: 'u', data: 1 })
      await storage.updateData({ module, userId: 'u', recordId: first.id, data: 2 })
      await expect(storage.generatePresignedUrl(first.storageKey)).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
      for (const key of [
        `manifests/${module}/u/manifest.jsonl`,
        'json_blobs/x.json',
        'uploads/a/b/c',
        '../x',
        '',
        'a/b/c',
      ]) {
        await expect(storage.generatePresignedUrl(key), key).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      }
    })

    it('makes an uploaded file a record exactly once, or says why uploads are not possible', async () => {
      const { storage } = context
      const module = context.newModule()
      const { presignedUpload } = (await storage.getStorageInfo()).capabilities
      const creating = storage.createUpload({ module, userId: 'u', contentType: 'text/plain' })
      if (presignedUpload !== true) {
        await expect(creating).rejects.toMatchObject({
          code: 'UNSUPPORTED',
          message: expect.stringContaining(presignedUpload.missing),
        })
        return
      }
      const { uploadId, url } = await creating
      const request = { module, userId: 'u', uploadId, filename: 'note.txt', metadata: { from: 'browser' } }
      await expect(storage.finalizeUpload(request)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      const sent = await fetch(url, {
        method: 'PUT',
        headers: { 'content-type': 'text/plain', 'if-none-match': '*' },
        body: 'hello',
      })
      expect(sent.status).toBe(200)
      const records = await Promise.all([1, 2, 3].map(() => storage.finalizeUpload(request)))
      const [record] = records
      expect(records).toEqual([record, record, record])
      expect(record).toMatchObject({
        id: uploadId,
        size: 5,
        filename: 'note.txt',
        contentType: 'text/plain',
        metadata: { from: 'browser' },
      })
      expect(await storage.finalizeUpload(request)).toEqual(record)
      const back = await storage.retrieveData(module, 'u', uploadId)
      expect(Buffer.from(back?.data as Uint8Array).toString()).toBe('hello')
    })
  })
}
