import type { ObjectStore } from '@umbra/core'

/** Nothing is kept there: only the answer matters. A GET, because the answer to a HEAD does not name its error. */
const PROBE_KEY = 'manifests/health'

/** Rejects with what is wrong when the bucket cannot be reached, does not exist or is not open to these credentials. */
export async function assertReachable(objects: ObjectStore): Promise<void> {
  const found = await objects.get(PROBE_KEY)
  if (found?.kind === 'found') await found.bytes()
}
