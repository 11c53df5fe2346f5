import { manageBackend } from '@umbra/core'
import type { Namespace } from '@umbra/core'
import { createR2Backend } from '../create-r2-backend.ts'
import type { R2Settings } from '../r2-settings.ts'
import { possibleStates } from './record-defects.fixture.ts'
import type { TrailData } from './worker-event.fixture.ts'
import { isShared } from './write-ledger.fixture.ts'
import type { WriteLedger } from './write-ledger.fixture.ts'

interface Watched {
  readonly ledger: WriteLedger
  readonly namespaces: readonly Namespace[]
  readonly random: () => number
}

/** What was acknowledged to one process is visible to every later read of another: a reader that looks now and then. */
export async function openSpotCheck(
  settings: R2Settings,
  { ledger, namespaces, random }: Watched,
): Promise<{ look(): Promise<void>; close(): Promise<void> }> {
  const storage = manageBackend(await createR2Backend(settings))
  return {
    close: () => storage.close(),
    look: async () => {
      const acknowledged = namespaces.flatMap((namespace) =>
        ledger.of(namespace).filter(({ outcome, ids }) => outcome === 'acknowledged' && !ids.some(isShared)),
      )
      const chosen = acknowledged[Math.floor(random() * acknowledged.length)]
      const id = chosen?.ids[0]
      if (chosen === undefined || id === undefined) return
      const { namespace } = chosen
      const writes = () => ledger.of(namespace).filter(({ ids }) => ids.includes(id))
      const [before] = possibleStates(id, writes())
      const found = await storage.retrieveData(namespace.module, namespace.userId, id)
      const trail = found === null ? undefined : (found.data as TrailData).trail
      // A worker may go on with it meanwhile, but never back.
      const wasDeleted = writes().some(({ kind }) => kind === 'delete')
      const isKept = trail === undefined ? wasDeleted : startsWith(trail, before?.trail ?? [])
      const isBack = trail !== undefined && before?.trail === undefined
      if (isKept && !isBack) return
      ledger.violations.push(
        `another process reads ${id} as ${trail?.join(' ') ?? 'absent'} when it was ${before?.trail?.join(' ') ?? 'deleted'}`,
      )
    },
  }
}

function startsWith(trail: readonly string[], beginning: readonly string[]): boolean {
  return beginning.every((token, index) => trail[index] === token)
}
