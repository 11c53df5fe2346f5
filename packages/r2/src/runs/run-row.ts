import { UmbraError } from '@umbra/core'
import type { ManifestEntry } from '@umbra/core'
import type { DuckDbBatch } from '../parquet/duckdb-session.ts'
import type { StageType, StageValue } from '../parquet/stage-appender.ts'

interface RunColumn {
  readonly name: keyof ManifestEntry
  /** `time` is a TIMESTAMP in the file and milliseconds on the way there; `json` is JSON text. */
  readonly kind: 'text' | 'integer' | 'flag' | 'time' | 'json'
  /** NULL stands for an absent field; elsewhere it stands for null. */
  readonly optional?: true
}

/** The columns of a run: an entry's fields under their own names and in their own order. */
export const RUN_COLUMNS: readonly RunColumn[] = [
  { name: 'id', kind: 'text' },
  { name: 'module', kind: 'text' },
  { name: 'user_id', kind: 'text' },
  { name: 'timestamp', kind: 'time' },
  { name: 'data_type', kind: 'text' },
  { name: 'key', kind: 'text' },
  { name: 'etag', kind: 'text' },
  { name: 'size', kind: 'integer' },
  { name: 'metadata', kind: 'json' },
  { name: 'rev', kind: 'integer' },
  { name: 'op', kind: 'text' },
  { name: 'sha256', kind: 'text' },
  { name: 'record_count', kind: 'integer' },
  { name: 'text', kind: 'text' },
  { name: 'text_truncated', kind: 'flag', optional: true },
  { name: 'updated_at', kind: 'time', optional: true },
  { name: 'content_type', kind: 'text', optional: true },
  { name: 'filename', kind: 'text', optional: true },
]

const KNOWN_NAMES = new Set<string>(RUN_COLUMNS.map(({ name }) => name))

export function stageTypeOf({ kind }: RunColumn): StageType {
  if (kind === 'flag') return 'BOOLEAN'
  return kind === 'integer' || kind === 'time' ? 'BIGINT' : 'VARCHAR'
}

/**
 * An entry as one value per column.
 *
 * @throws `UNSUPPORTED` for a field of a newer format and `INVALID_INPUT` for a value that would not come back as it is:
 * a lone surrogate (JSON text inside `metadata` may hold them), a number that is no safe integer, a time that is not as
 * `toISOString` writes it in the years 0 to 9999.
 */
export function toRunRow(entry: ManifestEntry): StageValue[] {
  const unknown = Object.keys(entry).find((name) => !KNOWN_NAMES.has(name))
  if (unknown !== undefined) {
    throw new UmbraError('UNSUPPORTED', `an entry has a field of a newer format; upgrade. field=${unknown}`, {
      details: { id: entry.id, field: unknown },
    })
  }
  return RUN_COLUMNS.map((column) => toCell(entry, column))
}

function toCell(entry: ManifestEntry, { name, kind }: RunColumn): StageValue {
  const value = entry[name]
  if (value === undefined || value === null) return undefined
  if (kind === 'json') return JSON.stringify(value)
  if (typeof value === 'string') {
    if (kind === 'time') return BigInt(exactMillis(entry, name, value))
    if (!value.isWellFormed()) throw refuse(entry, name, 'holds a lone surrogate, which has no UTF-8 form')
    return value
  }
  if (typeof value === 'boolean') return value
  if (!Number.isSafeInteger(value)) throw refuse(entry, name, 'is not a safe integer')
  return BigInt(Number(value))
}

/** `+010000-...` would sort before every other time as text, and after it as a time. */
function exactMillis(entry: ManifestEntry, field: string, text: string): number {
  const date = new Date(text)
  if (text.length !== 24 || Number.isNaN(date.getTime()) || date.toISOString() !== text) {
    throw refuse(entry, field, 'is not an ISO 8601 time in UTC with milliseconds')
  }
  return date.getTime()
}

function refuse({ id }: ManifestEntry, field: string, reason: string): UmbraError {
  return new UmbraError('INVALID_INPUT', `an entry cannot be kept in a run: ${field} ${reason}. id=${id}`, {
    details: { id, field, reason },
  })
}

/** The entries of a batch of {@link entrySelection}. */
export function toEntries(batch: DuckDbBatch): ManifestEntry[] {
  const entries: ManifestEntry[] = []
  for (let row = 0; row < batch.rowCount; row++) {
    const fields: [string, unknown][] = []
    for (const [index, column] of RUN_COLUMNS.entries()) {
      const value = batch.columns[index]?.[row]
      if (value === null && column.optional === true) continue
      fields.push([column.name, fromCell(value, column)])
    }
    // The part's hash has shown that this library wrote the file, and `toRunRow` what it holds.
    entries.push(Object.fromEntries(fields) as unknown as ManifestEntry)
  }
  return entries
}

function fromCell(value: unknown, { kind }: RunColumn): unknown {
  if (kind === 'time') return new Date(Number(value)).toISOString()
  return kind === 'json' ? JSON.parse(String(value)) : value
}
