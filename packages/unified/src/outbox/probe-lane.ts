import type { Lane } from '@umbra/sqlite'
import { probeStore } from './probe-store.ts'
import type { SendContext } from './send-context.ts'

/** Tries a store that was left alone, by a read that sending on this lane needs anyway. Either way the breaker takes note. */
export async function probeLane(
  { breaker, primary, lastSeen }: SendContext,
  { path, namespace }: Lane,
): Promise<void> {
  const ask = async () => {
    if (namespace !== undefined) return lastSeen.seeing(path, () => probeStore(primary, namespace))
    return primary.blobs.newest ? primary.blobs.newest(path) : primary.blobs.get(path)
  }
  await breaker.run<unknown>(ask).catch(() => undefined)
}
