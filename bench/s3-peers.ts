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
    // The local server does not answer `100 Continue`; the client would wait six seconds for every body above 2 MiB.
    expectContinueHeader: false,
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

const ID = '01J00000000000000000000000'

/** A line with the nine fields of the original's manifest. */
function originalLine(folder: string, n: number, size: number): string {
  const id = `${ID.slice(0, 16)}${String(n).padStart(10, '0')}`
  const key = `${folder}/2026/01/01/${id}.json`
  const fields = { id, module: 'finance', user_id: 'user123', timestamp: '2026-01-01T00:00:00.000Z' }
  const etag = String(n).padStart(32, '0')
  return `${JSON.stringify({ ...fields, data_type: 'json', key, etag, size, metadata: {} })}\n`
}

/** The original's layout, group by group: the manifest is one object that every commit reads and writes whole. */
export function createWholeManifest(raw: ReturnType<typeof createRawClient>, folder: string) {
  const manifestKey = `${folder}/manifest.jsonl`
  let next = 0
  return {
    async create(entries: number): Promise<void> {
      const pieces: Buffer[] = []
      for (; next < entries; next += 10_000) {
        const count = Math.min(10_000, entries - next)
        const lines = Array.from({ length: count }, (_, at) => originalLine(folder, next + at, 1_000))
        pieces.push(Buffer.from(lines.join('')))
      }
      await raw.put(manifestKey, Buffer.concat(pieces))
    },
    /** Resolves to the bytes written to the manifest. */
    async commit(bodies: readonly Uint8Array[]): Promise<number> {
      const first = next
      next += bodies.length
      await Promise.all(bodies.map((body, at) => raw.put(`${folder}/${first + at}`, body)))
      const before = (await raw.get(manifestKey)) ?? new Uint8Array()
      const lines = bodies.map((body, at) => originalLine(folder, first + at, body.byteLength))
      const after = Buffer.concat([before, Buffer.from(lines.join(''))])
      await raw.put(manifestKey, after)
      return after.byteLength
    },
  }
}
