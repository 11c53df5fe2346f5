/** ETags are kept without quotes everywhere and quoted on the wire: some stores answer 500 to a bare one. */
export function toEtagHeader(etag: string): string {
  return `"${etag}"`
}

export function fromEtagHeader(header: string): string {
  return /^"(.*)"$/.exec(header)?.[1] ?? header
}
