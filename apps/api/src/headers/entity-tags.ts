import { UmbraError } from '@umbra/core'

/** An `If-Match` or `If-None-Match` header: any version, or these tags. */
export type EntityTags = '*' | readonly EntityTag[]

export interface EntityTag {
  readonly value: string
  readonly weak: boolean
}

// RFC 9110, 8.8.3. Each part of the list begins where the one before it ended.
const LIST_ITEM = /\s*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)")?\s*(?:,|$)/y

/** No header names no tags. @throws `INVALID_INPUT` for anything that is not `*` or a list of quoted tags. */
export function parseEntityTags(header: string | undefined, name: string): EntityTags {
  if (header === undefined) return []
  if (header.trim() === '*') return '*'
  const tags: EntityTag[] = []
  LIST_ITEM.lastIndex = 0
  while (LIST_ITEM.lastIndex < header.length) {
    const found = LIST_ITEM.exec(header)
    if (found === null) throw malformed(name)
    if (found[2] !== undefined) tags.push({ value: found[2], weak: found[1] !== undefined })
  }
  if (tags.length === 0) throw malformed(name)
  return tags
}

export function quoteEtag(etag: string): string {
  return `"${etag}"`
}

/** Whether a version is among those named, by the weak comparison reads are answered 304 by: RFC 9110, 13.1.2. */
export function includesEtag(tags: EntityTags, etag: string): boolean {
  return tags === '*' || tags.some(({ value }) => value === etag)
}

function malformed(name: string): UmbraError {
  return new UmbraError('INVALID_INPUT', `${name} must be * or etags in double quotes, separated by commas`, {
    details: { field: name },
  })
}
