import { UmbraError } from '@umbra/core'

/** A part the head names is not there: the head is an old one, or the namespace is damaged. */
export class PartGone extends Error {
  readonly key: string

  constructor(key: string) {
    super(`a part of the manifest is gone. key=${key}`)
    this.key = key
  }
}

export function partMissing({ key }: PartGone): UmbraError {
  return new UmbraError(
    'CORRUPT',
    `the manifest refers to a part that is gone; nothing was written; run fsck. key=${key}`,
    { details: { key } },
  )
}
