import { hasErrorCode, isUmbraError, UmbraError } from '@umbra/core'
import { duckDbFailure } from '../parquet/duckdb-error.ts'
import type { LocalPart } from '../manifest/run-format.ts'

export function closedError(): UmbraError {
  return new UmbraError('UNAVAILABLE', 'the run format is closed; create a new one')
}

/** A failure of reading a part as one of ours; `NOT_FOUND` when its file is gone, which is no damage. */
export function readError(error: unknown, { pointer, path }: LocalPart): unknown {
  const known = knownError(error)
  if (known !== undefined && !isUnnamed(known)) return known
  const text = error instanceof Error ? error.message : ''
  const details = { key: pointer.key, path }
  if (
    text.includes('No files found') ||
    (error instanceof Error && 'code' in error && error.code === 'ENOENT')
  ) {
    return new UmbraError(
      'NOT_FOUND',
      `the part is not on this machine any more; open it again. key=${pointer.key}`,
      {
        cause: error,
        details,
      },
    )
  }
  return new UmbraError('CORRUPT', `the part cannot be read; run fsck. key=${pointer.key}`, {
    cause: error,
    details,
  })
}

export function writeError(error: unknown): unknown {
  return (
    knownError(error) ??
    new UmbraError('INTERNAL', 'the run could not be written; see the cause', { cause: error })
  )
}

/** Damage of which only the line is known, not the part it is in. */
function isUnnamed(error: unknown): boolean {
  return hasErrorCode(error, 'CORRUPT') && error.details['key'] === undefined
}

function knownError(error: unknown): unknown {
  if (isUmbraError(error)) return error
  const failure = duckDbFailure(error)
  if (failure === 'interrupted') return closedError()
  if (failure === undefined) return undefined
  // Whatever is looked up is not too large by itself: it can be read once there is memory.
  return new UmbraError('CONFIGURATION', 'duckdb ran out of memory; raise its memory limit', { cause: error })
}
