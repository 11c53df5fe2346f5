import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { namespacePath } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'

/**
 * A store whose commits tell when they begin (`begun m/u`), and end when they are told (`end m/u`). It tells when it is
 * `closed`.
 */
export function holdCommits(store: StorageBackend, told: EventEmitter): StorageBackend {
  const { numbered } = store
  if (numbered === undefined) throw new Error('the store numbers commits')
  return {
    ...store,
    numbered: {
      async commitNumbered(namespace, request) {
        const path = namespacePath(namespace)
        told.emit(`begun ${path}`)
        await once(told, `end ${path}`)
        return numbered.commitNumbered(namespace, request)
      },
    },
    async close() {
      told.emit('closed')
      await store.close()
    },
  }
}
