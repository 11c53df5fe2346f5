import { UmbraError } from '@umbra/core'
import type { PutMutation, StorageBackend } from '@umbra/core'

/** A store that can never take some writes, and does not say which of those that were sent together it means. */
export function poisonedBy(
  isPoison: (put: PutMutation) => boolean,
): (store: StorageBackend) => StorageBackend {
  return (store) => {
    const { numbered } = store
    if (numbered === undefined) throw new Error('the engine numbers commits')
    return {
      ...store,
      numbered: {
        commitNumbered: async (namespace, request) => {
          const mutations = request.operations.flatMap((one) => one.mutations)
          if (mutations.some((one) => one.kind === 'put' && isPoison(one)))
            throw new UmbraError('TOO_LARGE', 'EntityTooLarge')
          return numbered.commitNumbered(namespace, request)
        },
      },
    }
  }
}

/** The second thing that the first process does, in plans that are drawn. */
export const poisoned = poisonedBy(({ draft }) => draft.text === 'p1.2')
