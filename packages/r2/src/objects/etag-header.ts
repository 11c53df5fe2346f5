/** ETags are kept without quotes everywhere and quoted on the wire: some stores answer 500 to a bare one. */
export function toEtagHeader(etag: string): string {
  return `"${etag}"`
}

/**
 * A proxy that compresses an answer makes its ETag weak (`W/"x"`), and no `If-Match` holds for a weak one: the store itself has
 * it without. A store whose own ETags are weak refuses them all, which the check of its conditions finds out.
 */
export function fromEtagHeader(header: string): string {
  return /^(?:W\/)?"(.*)"$/.exec(header)?.[1] ?? header
}
