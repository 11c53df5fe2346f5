import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { collectBytes } from '../bodies/collect-bytes.ts'
import { temporaryBodyPath } from '../bodies/body-spool.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import { decodeJsonLines } from '../formats/json-lines.ts'
import type { ParquetCodec } from '../formats/parquet-codec.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'

/** A whole body as the caller's data. */
export async function decodeRecord(
  entry: ManifestEntry,
  body: AsyncIterable<Uint8Array>,
  parquet: ParquetCodec,
): Promise<unknown> {
  switch (entry.data_type) {
    case 'json':
      return parseJson(await collectBytes(body), entry.key)
    case 'binary':
      return collectBytes(body)
    case 'jsonl':
    case 'parquet':
      return { records: await collectRows(decodeRows(entry, body, parquet)) }
    default:
      return entry.data_type satisfies never
  }
}

/** The rows of a body one by one. */
export async function* decodeRows(
  entry: ManifestEntry,
  body: AsyncIterable<Uint8Array>,
  parquet: ParquetCodec,
): AsyncGenerator<unknown, void, undefined> {
  if (entry.data_type === 'parquet') yield* decodeParquet(body, parquet)
  else yield* decodeJsonLines(body)
}

/** @throws `UNSUPPORTED` for formats without rows */
export function assertHasRows({ data_type }: ManifestEntry): void {
  if (data_type === 'jsonl' || data_type === 'parquet') return
  throw new UmbraError('UNSUPPORTED', `a ${data_type} record has no rows; use retrieveData or openData`)
}

async function collectRows(rows: AsyncIterable<unknown>): Promise<unknown[]> {
  const collected: unknown[] = []
  for await (const row of rows) collected.push(row)
  return collected
}

/** Parquet needs random access, so the body passes through a file. */
async function* decodeParquet(body: AsyncIterable<Uint8Array>, parquet: ParquetCodec): AsyncGenerator {
  const path = temporaryBodyPath()
  try {
    await pipeline(body, createWriteStream(path, { mode: 0o600 }))
    yield* parquet.read(path)
  } finally {
    await rm(path, { force: true })
  }
}

function parseJson(bytes: Uint8Array, key: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    throw new UmbraError('CORRUPT', `the stored body is not JSON; run fsck. key=${key}`, {
      cause,
      details: { key },
    })
  }
}
