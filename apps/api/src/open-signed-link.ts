import { hasErrorCode, parseDataKey } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { HttpError } from './http-error.ts'
import { closeBody } from './records/record-info.ts'
import type { LinkOpener } from './routes/links.ts'

/** What a genuine token allows: reading one revision. */
export interface LinkGrant {
  readonly key: string
  readonly downloadAs?: string
}

/** @param verify - rejects with `FORBIDDEN` for a token that is forged or has expired */
export function createLinkOpener(storage: StorageManager, verify: (token: string) => LinkGrant): LinkOpener {
  return {
    async open(token) {
      const { key, downloadAs } = verifyOrRefuse(verify, token)
      const place = parseDataKey(key)
      if (place === undefined) return null
      const { module, userId } = place.namespace
      const opened = await storage.openData(module, userId, place.id)
      if (opened === null) return null
      // The link was made for this revision, not for what came after it.
      if (opened.record.storageKey === key)
        return { ...opened, ...(downloadAs !== undefined && { downloadAs }) }
      await closeBody(opened)
      return null
    },
  }
}

function verifyOrRefuse(verify: (token: string) => LinkGrant, token: string): LinkGrant {
  try {
    return verify(token)
  } catch (error) {
    if (hasErrorCode(error, 'FORBIDDEN')) throw new HttpError('FORBIDDEN', error.message, { cause: error })
    throw error
  }
}
