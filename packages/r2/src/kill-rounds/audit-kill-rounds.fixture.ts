import { headKey, manageBackend } from '@umbra/core'
import type { Namespace, StorageManager, StorageRecord } from '@umbra/core'
import { createR2Backend } from '../create-r2-backend.ts'
import { openStore } from '../objects/r2-store.fixture.ts'
import type { R2Settings } from '../r2-settings.ts'
import { chainDefects } from './head-recorder.fixture.ts'
import { recordDefects } from './record-defects.fixture.ts'
import type { KillRounds } from './run-kill-rounds.fixture.ts'

/** Reads everything back, as a process that was not there, and says what is wrong; nothing when every promise was kept. */
export async function auditKillRounds(settings: R2Settings, rounds: KillRounds): Promise<readonly string[]> {
  const storage = manageBackend(await createR2Backend(settings))
  const { store, close } = openStore(settings)
  const defects = [...rounds.ledger.violations]
  try {
    for (const namespace of rounds.namespaces) {
      const { found, repeated } = await readAll(storage, namespace)
      const head = await store.head(headKey(namespace))
      const inNamespace = [
        ...repeated.map((id) => `${id} is listed twice`),
        ...recordDefects(rounds.ledger.of(namespace), found),
        ...chainDefects(rounds.heads.versions(namespace), head?.etag),
      ]
      defects.push(...inNamespace.map((text) => `${namespace.userId}: ${text}`))
    }
  } finally {
    close()
    await storage.close()
  }
  return defects
}

async function readAll(
  storage: StorageManager,
  { module, userId }: Namespace,
): Promise<{ found: ReadonlyMap<string, StorageRecord>; repeated: readonly string[] }> {
  const found = new Map<string, StorageRecord>()
  const repeated: string[] = []
  for await (const record of storage.iterateData(module, userId)) {
    if (found.has(record.id)) repeated.push(record.id)
    found.set(record.id, record)
  }
  return { found, repeated }
}
