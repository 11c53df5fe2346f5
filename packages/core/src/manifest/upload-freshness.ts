/** How far the clocks of writers, collectors and the store may lie apart, milliseconds: stores refuse requests signed further off. */
export const CLOCK_SKEW_MS = 15 * 60 * 1_000

/**
 * Whether a stored object that nothing refers to yet may still be referred to. The collector commits a floor before it
 * deletes orphans older than it, so a writer that stalled for longer must store its object again, under another key.
 * Without this rule a reference to a deleted object could be committed, however long the collector waits.
 */
export function isFreshUpload(
  uploadedAt: string,
  floor: string | null,
  clockSkewMs = CLOCK_SKEW_MS,
): boolean {
  return floor === null || Date.parse(uploadedAt) >= Date.parse(floor) + clockSkewMs
}
