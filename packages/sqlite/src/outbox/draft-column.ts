import type { EntryDraft } from '@umbra/core'
import { customType } from 'drizzle-orm/sqlite-core'

const TEXTS = ['id', 'module', 'user_id', 'timestamp', 'data_type', 'sha256', 'text'] as const

/**
 * What a write says of its record, as JSON. One that cannot be read is null: the rows read with it must not be kept back, nor
 * those behind it.
 */
export const draftColumn = customType<{ data: EntryDraft | null; driverData: string }>({
  dataType: () => 'text',
  toDriver: (draft) => JSON.stringify(draft),
  fromDriver: (text) => parseDraft(text),
})

function parseDraft(text: unknown): EntryDraft | null {
  try {
    const parsed: unknown = JSON.parse(String(text))
    return isDraft(parsed) ? parsed : null
  } catch {
    return null
  }
}

function isDraft(value: unknown): value is EntryDraft {
  if (typeof value !== 'object' || value === null) return false
  const metadata: unknown = Reflect.get(value, 'metadata')
  return (
    TEXTS.every((name) => typeof Reflect.get(value, name) === 'string') &&
    typeof Reflect.get(value, 'size') === 'number' &&
    typeof metadata === 'object' &&
    metadata !== null
  )
}
