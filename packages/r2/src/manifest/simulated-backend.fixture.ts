import { manageBackend } from '@umbra/core'
import type { NamespaceMaintenance, ObjectStore, StorageManager } from '@umbra/core'
import { assembleR2Backend } from '../r2-backend.ts'
import { MANIFEST_LIMITS } from './manifest-limits.ts'
import { createMemoryParts } from './memory-parts.fixture.ts'
import { NAMESPACE } from './simulated-manifest.fixture.ts'
import { createSimulatedContext } from './simulated-context.fixture.ts'

/** So small that some sixty records are in several runs and segments, and in the tail. */
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 4, overfull: 2, fanOut: 3, maxParts: 8, graceMs: 1_000 }

export interface SimulatedBackend {
  readonly storage: StorageManager
  readonly maintenance: NamespaceMaintenance
  /** Lets the grace of everything pass that is garbage by now. */
  readonly waitOutGrace: () => Promise<void>
}

/** Everything between an application and the store, as a process of its own that has read nothing yet. */
export function openSimulatedBackend(objects: ObjectStore, name: string): SimulatedBackend {
  const context = { ...createSimulatedContext(objects, name, { limits: LIMITS }), ...createMemoryParts() }
  const { clock, ids, limits, commitTimeoutMs } = context
  const backend = assembleR2Backend({
    ...context,
    links: { presignDownload: unsupported, presignUpload: unsupported },
    multiWriter: true,
    close: async () => {},
  })
  if (backend.maintenance === undefined) throw new Error('this backend has no maintenance')
  return {
    storage: manageBackend(backend, { clock, ids }),
    maintenance: backend.maintenance,
    waitOutGrace: () => clock.sleep(limits.graceMs + commitTimeoutMs + 1),
  }
}

/** New records and, among them, replacements of older ones: whichever part is missing, an answer without it is another one. */
export async function storeRecords({ storage }: SimulatedBackend, count: number): Promise<void> {
  const { module, userId } = NAMESPACE
  for (let n = 0; n < count; n++) {
    await storage.storeData({ module, userId, id: recordId(n), data: `coffee ${n}` })
    if (n % 7 < 6) continue
    await storage.updateData({ module, userId, recordId: recordId((n - 6) / 7), data: `coffee, then ${n}` })
  }
}

/** Ids of one length, so that their order is that of the numbers. */
export function recordId(n: number): string {
  return `r${String(n).padStart(2, '0')}`
}

/** Merges everything into one part, and collects all that this part has taken the place of. */
export async function mergeAndCollect({ maintenance, waitOutGrace }: SimulatedBackend): Promise<void> {
  await maintenance.compact(NAMESPACE)
  await waitOutGrace()
  await maintenance.collect(NAMESPACE)
}

function unsupported(): Promise<never> {
  return Promise.reject(new Error('a simulated store has no links'))
}
