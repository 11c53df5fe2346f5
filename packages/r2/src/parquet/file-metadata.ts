import { UmbraError } from '@umbra/core'
import { z } from 'zod'

/** The key of a Parquet file's metadata that holds ours. */
export const METADATA_KEY = 'umbra'

const columnSchema = z.object({
  /** The caller's key. */
  key: z.string(),
  /** The column in the file; another name where Parquet or DuckDB would confuse the key. */
  name: z.string(),
  /** The column holds JSON text. */
  json: z.boolean().optional(),
  /** What NULL means: a null, an absent key, or null where the marker column is true and absent elsewhere. */
  nulls: z.union([z.literal('null'), z.literal('absent'), z.object({ marker: z.string() })]),
})
const fileMetadataSchema = z.object({ v: z.literal(1), columns: z.array(columnSchema) })

/** What a file's own schema does not say: how to get exactly the caller's rows back. */
export type FileMetadata = z.infer<typeof fileMetadataSchema>
export type FileColumn = FileMetadata['columns'][number]

/** @throws `CORRUPT` for text that is not this library's metadata. */
export function parseFileMetadata(text: string): FileMetadata {
  try {
    return fileMetadataSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new UmbraError(
      'CORRUPT',
      'the parquet file carries unreadable umbra metadata; restore it from a backup',
      {
        cause,
      },
    )
  }
}
