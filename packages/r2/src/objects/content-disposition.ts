/**
 * `attachment` with a file name, as RFC 6266 wants it: an ASCII form for old readers and the exact name in UTF-8.
 * Whatever the name holds, the value is one header line.
 */
export function attachmentDisposition(filename: string): string {
  const exact = filename.toWellFormed()
  const ascii = exact.replaceAll(/[^A-Za-z0-9 ._-]/gu, '_')
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeExtended(exact)}`
}

/** RFC 8187 allows fewer characters than `encodeURIComponent` leaves alone. */
function encodeExtended(value: string): string {
  return encodeURIComponent(value).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
