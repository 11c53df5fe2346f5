import { UmbraError } from '../errors/umbra-error.ts'
import type { BlobExpectation } from './blob-store.ts'

/** @throws `PRECONDITION_FAILED` with `details.currentEtag` (null when absent) when the expectation does not hold. */
export function checkBlobExpectation(
  path: string,
  currentEtag: string | undefined,
  expect: BlobExpectation,
): void {
  if (expect === undefined) return
  const holds = expect.kind === 'absent' ? currentEtag === undefined : currentEtag === expect.etag
  if (!holds) throw blobChanged(path, currentEtag)
}

export function blobChanged(path: string, currentEtag: string | undefined): UmbraError {
  return new UmbraError(
    'PRECONDITION_FAILED',
    `somebody else wrote first; read the blob again and decide. key=${path}`,
    {
      details: { key: path, currentEtag: currentEtag ?? null },
    },
  )
}
