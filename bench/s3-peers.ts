import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { R2Settings } from '@umbra/r2'
import s3Driver from 'unstorage/drivers/s3'

/** The plain SDK, set up for the same server with the same pool. */
export function createRawClient(settings: R2Settings) {
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: 'auto',
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: 256 } },
  })
  return {
    put: (key: string, body: Uint8Array) =>
      client.send(new PutObjectCommand({ Bucket: settings.bucket, Key: key, Body: body })),
    async get(key: string): Promise<Uint8Array | undefined> {
      const answer = await client
        .send(new GetObjectCommand({ Bucket: settings.bucket, Key: key }))
        .catch(absent)
      return answer?.Body?.transformToByteArray()
    },
    close: () => client.destroy(),
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && error.name === 'NoSuchKey') return undefined
  throw error
}

/** unstorage's S3 driver: keys and values, no index, no conditions. */
export function createUnstorage(settings: R2Settings) {
  const driver = s3Driver({ ...settings, region: 'auto' })
  return {
    put: async (key: string, body: Uint8Array) => driver.setItemRaw?.(key, body, {}),
    get: async (key: string) => driver.getItemRaw?.(key, {}),
  }
}

/** The original's protocol: read the manifest, add a line, write it back whole, without a condition. */
export function createReadModifyWrite(raw: ReturnType<typeof createRawClient>, manifestKey: string) {
  return {
    async store(key: string, body: Uint8Array): Promise<void> {
      await raw.put(key, body)
      const before = await raw.get(manifestKey)
      const line = `${JSON.stringify({ id: key, key, size: body.byteLength, metadata: {} })}\n`
      await raw.put(manifestKey, Buffer.concat([before ?? new Uint8Array(), Buffer.from(line)]))
    },
    async entries(): Promise<number> {
      const text = Buffer.from((await raw.get(manifestKey)) ?? []).toString()
      return text.split('\n').filter((line) => line !== '').length
    },
  }
}
