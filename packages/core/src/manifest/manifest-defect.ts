/** What is wrong with a manifest, before it is known which one it is. */
export class ManifestDefect extends Error {}
