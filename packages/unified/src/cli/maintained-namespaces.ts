import { parseSettings, UmbraError } from '@umbra/core'
import type { Namespace, NamespaceMaintenance } from '@umbra/core'
import type { ListedBackend } from '../migration/migration-context.ts'
import type { CliContext } from './cli-context.ts'
import { storesInUse, withStores } from './open-stores.ts'

export interface NamespaceScope {
  readonly module?: string
  readonly user?: string
}

export type NamespaceResult<T> = Namespace & T

/**
 * Runs upkeep on every namespace of the bucket in the scope, one after the other, and collects what it reports. A namespace
 * named by module and user is taken as given: one whose manifest is lost is in no listing.
 *
 * @throws `UNSUPPORTED` when the application does not use R2: only there are manifests
 */
export function maintainNamespaces<T extends object>(
  context: CliContext,
  scope: NamespaceScope,
  run: (maintenance: NamespaceMaintenance, namespace: Namespace) => Promise<T>,
): Promise<readonly NamespaceResult<T>[]> {
  const { clock, env, signal } = context
  const settings = parseSettings(env)
  const maintain = async ([store]: readonly ListedBackend[]) => {
    const maintenance = store?.maintenance
    if (store === undefined || maintenance === undefined) throw noManifests()
    const results: NamespaceResult<T>[] = []
    for await (const namespace of namespacesIn(store, scope)) {
      signal.throwIfAborted()
      results.push({ ...namespace, ...(await run(maintenance, namespace)) })
    }
    return results
  }
  return withStores(storesInUse(settings).slice(0, 1), settings, maintain, { clock })
}

async function* namespacesIn(
  store: ListedBackend,
  { module, user }: NamespaceScope,
): AsyncGenerator<Namespace> {
  if (module !== undefined && user !== undefined) {
    yield { module, userId: user }
    return
  }
  for await (const namespace of store.inventory.listNamespaces()) {
    if (module !== undefined && namespace.module !== module) continue
    if (user !== undefined && namespace.userId !== user) continue
    yield namespace
  }
}

function noManifests(): UmbraError {
  return new UmbraError(
    'UNSUPPORTED',
    'only R2 has manifests to look after; set STORAGE_BACKEND to r2 or hybrid',
  )
}
