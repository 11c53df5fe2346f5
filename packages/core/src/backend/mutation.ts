import type { RecordBody } from '../bodies/record-body.ts'
import type { EntryDraft, ManifestEntry } from '../records/manifest-entry.ts'

/**
 * `absent`: no live record has this id. `etag`: the live record's etag is exactly this one. `older`: whatever the id
 * has, a deletion too, is of a revision below this one; so a copy never replaces, or revives, what is as new. With
 * `isLive: false` no live record has the id either.
 */
export type Expectation =
  | { readonly kind: 'absent' }
  | { readonly kind: 'etag'; readonly etag: string }
  | { readonly kind: 'older'; readonly rev: number; readonly isLive?: false }

interface BasedMutation {
  /**
   * What the record's bases become, see `BaseVersions`, told what was made of the mutation. Ignored where none are kept. Default:
   * they stay what they were, as this is a change of the record itself.
   */
  readonly bases?: (made: ManifestEntry) => readonly string[]
}

export interface PutMutation extends BasedMutation {
  readonly kind: 'put'
  readonly draft: EntryDraft
  readonly body: RecordBody
  readonly expect: Expectation
  /** The id was minted for this very put, so no record has or had it. */
  readonly freshId?: true
  /** The revision is at least this: a copy of another backend's revision keeps its number. Default 1. */
  readonly rev?: number
}

export interface DeleteMutation extends BasedMutation {
  readonly kind: 'delete'
  readonly id: string
  readonly expect: { readonly kind: 'etag'; readonly etag: string }
  /** When the deletion was asked for: ISO 8601, UTC. */
  readonly at: string
}

/** Every change names the version it replaces, so a change is either exact or rejected. */
export type Mutation = PutMutation | DeleteMutation

export function mutationId(mutation: Mutation): string {
  return mutation.kind === 'put' ? mutation.draft.id : mutation.id
}

/** Whether it creates a record with an id that was minted for it, which nobody else can know; not when it is to go over one by now. */
export function isMinted(mutation: Mutation): boolean {
  return mutation.kind === 'put' && mutation.freshId === true && mutation.expect.kind !== 'etag'
}
