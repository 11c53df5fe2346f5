/**
 * What makes two bodies of a head differ, and so their ETags, which are computed from the content. Were it not fresh for
 * every attempt, putting a record and deleting it again would lead back to an earlier ETag, and a late request that names
 * it would bring the record back (ABA).
 */
export function stampCommit(freshUlid: string): string {
  return freshUlid
}
