/** The file name in a request's `Content-Disposition`, or undefined. RFC 6266: `filename*` goes before `filename`. */
export function parseFilename(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const extended = /;\s*filename\*\s*=\s*UTF-8'[^']*'([^;\s]+)/i.exec(header)?.[1]
  const decoded = extended === undefined ? undefined : decode(extended)
  if (decoded !== undefined) return decoded
  const [, quoted, token] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))/i.exec(header) ?? []
  return quoted?.replaceAll(/\\(.)/g, '$1') ?? token
}

/** `attachment`, with a name when there is one: ASCII for old clients, UTF-8 for the rest. */
export function attachment(filename: string | null | undefined): string {
  if (filename === null || filename === undefined) return 'attachment'
  const ascii = filename.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  const plain = `attachment; filename="${ascii}"`
  return ascii === filename ? plain : `${plain}; filename*=UTF-8''${encodeExtended(filename)}`
}

function encodeExtended(filename: string): string {
  return encodeURIComponent(filename).replaceAll(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function decode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded)
  } catch {
    // Not UTF-8: the plain name is the better guess.
    return undefined
  }
}
