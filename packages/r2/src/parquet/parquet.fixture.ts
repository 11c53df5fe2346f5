import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { ParquetCodec } from '@umbra/core'
import { createParquetCodec } from './parquet-codec.ts'

export interface CodecBench {
  readonly codec: ParquetCodec
  readonly path: (name: string) => string
  /** What a fresh file gives back for these rows. */
  readonly roundTrip: (rows: Iterable<unknown> | AsyncIterable<unknown>) => Promise<unknown[]>
}

/** A codec and a folder for one test file, both gone afterwards. */
export function useCodec(): CodecBench {
  const codec = createParquetCodec()
  let folder = ''
  let fileCount = 0
  const path = (name: string): string => join(folder, name)
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'umbra-parquet-'))
  })
  afterAll(async () => {
    await codec.close()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    codec,
    path,
    async roundTrip(rows) {
      const filePath = path(`${fileCount++}.parquet`)
      await codec.write(rows, filePath)
      const back = await collect(codec.read(filePath))
      await rm(filePath)
      return back
    },
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}
