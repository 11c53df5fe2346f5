import { retryDelayMs, isUmbraError } from '@umbra/core'
import type { ObjectInfo } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'

/** Every object below a folder, in key order; a listing that fails goes on where it stopped. */
export async function* listAll(
  prefix: string,
  { objects, retry, clock }: Pick<ManifestContext, 'objects' | 'retry' | 'clock'>,
): AsyncGenerator<ObjectInfo, void, undefined> {
  let last: string | undefined
  let failures = 0
  for (;;) {
    try {
      for await (const object of objects.list(prefix, last === undefined ? {} : { startAfter: last })) {
        yield object
        last = object.key
        failures = 0
      }
      return
    } catch (error) {
      const worthRepeating = isUmbraError(error) && error.retryable
      if (!worthRepeating || ++failures >= retry.policy.maxAttempts) throw error
      await clock.sleep(retryDelayMs(retry.policy, failures, retry.random()))
    }
  }
}
