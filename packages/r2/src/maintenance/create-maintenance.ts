import type { Namespace, NamespaceMaintenance } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { checkNamespace } from '../recovery/check-namespace.ts'
import { rebuildNamespace } from '../recovery/rebuild-namespace.ts'
import { collectGarbage } from './collect-garbage.ts'
import { collectOrphans } from './collect-orphans.ts'
import { compactNamespace } from './compact-namespace.ts'

/** Upkeep of the namespaces of one bucket. */
export function createMaintenance(
  manifestOf: (namespace: Namespace) => NamespaceManifest,
  context: ManifestContext,
): NamespaceMaintenance {
  return {
    check: (namespace, options = {}) => checkNamespace(namespace, options, context),
    rebuild: (namespace, options = {}) => rebuildNamespace(namespace, options, context),
    compact: (namespace, options = {}) => compactNamespace(manifestOf(namespace), options, context),
    async collect(namespace, { dryRun = false } = {}) {
      const manifest = manifestOf(namespace)
      const garbage = await collectGarbage(manifest, dryRun, context)
      const orphans = await collectOrphans(manifest, dryRun, context)
      return {
        superseded: garbage.deleted,
        orphans: orphans.deleted,
        orphanBytes: orphans.bytes,
        failed: [...garbage.failed, ...orphans.failed],
        dryRun,
      }
    },
  }
}
