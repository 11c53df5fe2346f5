import { UmbraError } from './umbra-error.ts'

/** `index`: the mutation's place in its batch, when there is one. */
export function recordNotFound(id: string, index?: number): UmbraError {
  return new UmbraError('NOT_FOUND', `there is no such record. id=${id}`, {
    details: { id, ...(index !== undefined && { index }) },
  })
}

export function recordAlreadyExists(id: string, currentEtag: string, index: number): UmbraError {
  return new UmbraError(
    'ALREADY_EXISTS',
    `the id is taken; update the record or choose another id. id=${id}`,
    {
      details: { id, currentEtag, index },
    },
  )
}

export function recordChanged(id: string, currentEtag: string, index: number): UmbraError {
  return new UmbraError(
    'PRECONDITION_FAILED',
    `somebody else wrote first; read the record again and decide. id=${id} current_etag=${currentEtag}`,
    { details: { id, currentEtag, index } },
  )
}

/** Another change of the same version has been sent, and its outcome is not known. */
export function recordOnItsWay(id: string, index: number): UmbraError {
  return new UmbraError(
    'PRECONDITION_FAILED',
    `another write to the record is on its way; read the record again and decide. id=${id}`,
    { details: { id, index, reason: 'on-its-way' } },
  )
}

/** `currentEtag`: undefined when the current revision is a deletion. */
export function recordNotOlder(
  id: string,
  current: { readonly rev: number; readonly etag: string | undefined },
  index: number,
): UmbraError {
  const { rev: currentRevision, etag: currentEtag } = current
  return new UmbraError(
    'PRECONDITION_FAILED',
    `a revision as new as the copy is already there, or was deleted. id=${id} current_revision=${currentRevision}`,
    { details: { id, currentRevision, ...(currentEtag !== undefined && { currentEtag }), index } },
  )
}

/** Of a record that was to be removed for good. */
export function recordNotDeleted(id: string): UmbraError {
  return new UmbraError(
    'CONFLICT',
    `the record was created again while it was deleted; delete it again. id=${id}`,
    { details: { id } },
  )
}

/** Most ids that an error names: it may be logged. */
const MAX_NAMED_IDS = 100

/** Several ids of one call are taken, or occur in it twice. */
export function recordsExist(ids: readonly string[]): UmbraError {
  return new UmbraError(
    'ALREADY_EXISTS',
    `ids are taken; update their records or choose other ids. count=${ids.length} first=${ids[0] ?? ''}`,
    { details: { ids: ids.slice(0, MAX_NAMED_IDS), count: ids.length } },
  )
}
