import { UmbraError } from '../errors/umbra-error.ts'
import type { NamedWrite } from './blob-store.ts'

/** @throws `CONFLICT` with `details.reason` `writer-superseded` when the caller must not, or would not, write over this version. */
export function checkMayApply(path: string, named: NamedWrite | undefined, newest: string): void {
  if (named?.mayApply?.(newest) !== false) return
  throw new UmbraError('CONFLICT', `somebody else sends this write now, or wrote first. key=${path}`, {
    details: { key: path, reason: 'writer-superseded' },
  })
}
