import type { StorageManager } from '@umbra/core'
import { additionDefects, possibleStates } from '../../../r2/src/kill-rounds/record-defects.fixture.ts'
import { COUNTER_ID } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import type { CounterData, TrailData } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import type { LedgerEntry } from '../../../r2/src/kill-rounds/write-ledger.fixture.ts'

/** Reads the blobs back, and says what of them does not fit these writes. */
export async function blobDefects(
  storage: StorageManager,
  writes: readonly LedgerEntry[],
): Promise<readonly string[]> {
  const defects: string[] = []
  const keys = new Set(writes.flatMap(({ ids }) => ids))
  keys.delete(COUNTER_ID)
  for (const key of keys) {
    const states = possibleStates(
      key,
      writes.filter(({ ids }) => ids.includes(key)),
    )
    const found = await storage.getBlob(key)
    const trail = (found?.value as unknown as TrailData | undefined)?.trail
    const fits = states.some(
      (state) => state.trail?.join() === trail?.join() && (state.etag ?? found?.etag) === found?.etag,
    )
    if (fits) continue
    const expected = states.map((state) => state.trail?.join(' ') ?? 'absent').join(' or ')
    defects.push(`blobs: ${key} is ${trail?.join(' ') ?? 'absent'}, expected ${expected}`)
  }
  return [...defects, ...(await counterDefects(storage, writes))]
}

async function counterDefects(
  storage: StorageManager,
  writes: readonly LedgerEntry[],
): Promise<readonly string[]> {
  const found = await storage.getBlob(COUNTER_ID)
  if (found === null) return ['blobs: the counter is gone']
  const { total, by } = found.value as unknown as CounterData
  const sum = Object.values(by).reduce((all, one) => all + one, 0)
  return [
    ...(total === sum ? [] : [`the counter is ${total}, and its additions are ${sum}`]),
    ...additionDefects(
      writes.filter(({ ids }) => ids.includes(COUNTER_ID)),
      by,
    ),
  ].map((text) => `blobs: ${text}`)
}
