import { UmbraError } from '@umbra/core'
import { parseEntityTags } from './entity-tags.ts'

export interface VersionChoice {
  /** Whether a tag can be one of this library's at all. */
  readonly isEtag: (value: string) => boolean
  /** The version now, or null when there is nothing. Asked only when the header alone does not decide. */
  readonly current: () => Promise<string | null>
}

/**
 * The one version an `If-Match` header asks for, by strong comparison; undefined for `*`.
 *
 * @throws `PRECONDITION_FAILED` when the header names no version that could be current.
 */
export async function chooseVersion(ifMatch: string, choice: VersionChoice): Promise<string | undefined> {
  const tags = parseEntityTags(ifMatch, 'if-match')
  if (tags === '*') return undefined
  const candidates = tags.filter(({ value, weak }) => !weak && choice.isEtag(value))
  const [only] = candidates
  if (only !== undefined && candidates.length === 1) return only.value
  const currentEtag = await choice.current()
  const match = candidates.find(({ value }) => value === currentEtag)
  if (match !== undefined) return match.value
  throw new UmbraError('PRECONDITION_FAILED', 'no etag of if-match is current; read again and decide', {
    details: { currentEtag },
  })
}
