import { UmbraError } from '../errors/umbra-error.ts'
import type { EntryPosition, EntryQuery } from './entry-query.ts'

/** A position as an opaque string that is safe in a URL. It belongs to the order it was made in. */
export function encodeCursor(order: EntryQuery['order'], position: EntryPosition): string {
  return Buffer.from(JSON.stringify([order, position.timestamp, position.id])).toString('base64url')
}

/**
 * The inverse of {@link encodeCursor}.
 *
 * @throws `INVALID_INPUT` for anything {@link encodeCursor} does not return for this order.
 */
export function decodeCursor(cursor: string, order: EntryQuery['order']): EntryPosition {
  const [cursorOrder, timestamp, id] = parseFields(cursor)
  if (typeof timestamp !== 'string' || typeof id !== 'string')
    throw invalidCursor('it is not from a previous page')
  if (cursorOrder !== order) throw invalidCursor(`it is from a page in another order. order=${order}`)
  // Base64 and JSON both have several spellings of one value; only ours is accepted.
  if (encodeCursor(order, { timestamp, id }) !== cursor) throw invalidCursor('it is not from a previous page')
  return { timestamp, id }
}

function parseFields(cursor: string): readonly unknown[] {
  try {
    const fields: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(fields) ? fields : []
  } catch {
    // Not JSON, so not ours.
    return []
  }
}

function invalidCursor(reason: string): UmbraError {
  return new UmbraError('INVALID_INPUT', `cursor cannot be used: ${reason}`, { details: { field: 'cursor' } })
}
