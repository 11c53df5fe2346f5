import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createIdSource,
  DEFAULT_RETRY_POLICY,
  hasErrorCode,
  systemClock,
  UmbraError,
  withRetry,
} from '@umbra/core'
import type { Clock, IdSource, ObjectStore, RetryContext, RetryPolicy, StorageBackend } from '@umbra/core'
import { createDiskPartCache } from './cache/disk-part-cache.ts'
import { assertReachable } from './objects/assert-reachable.ts'
import { presignDownload, presignUpload } from './objects/presign.ts'
import { probeConditions } from './objects/probe-conditions.ts'
import { createR2ObjectStore } from './objects/r2-object-store.ts'
import { createS3Client } from './objects/s3-client.ts'
import { createParquetRunFormat } from './runs/parquet-run-format.ts'
import { assembleR2 } from './r2-backend.ts'
import type { AssembledR2 } from './r2-backend.ts'
import { DEFAULT_REQUEST_TIMEOUT_MS } from './r2-settings.ts'
import type { R2Settings } from './r2-settings.ts'
import type { ManifestLimits } from './manifest/manifest-limits.ts'

/** "Concurrent writes to the same key: 1 per second": https://developers.cloudflare.com/r2/platform/limits/ */
const R2_HEAD_INTERVAL_MS = 1_000

/** The `code` of the process warning emitted when upkeep of a manifest finds damage. */
export const UPKEEP_WARNING_CODE = 'UMBRA_MANIFEST_DAMAGED'

const DEFAULT_CACHE_DIRECTORY = join(tmpdir(), 'umbra-storage')

/** Patient enough for a store that allows one write of a key per second. */
const PROBE_RETRY_POLICY: RetryPolicy = { maxAttempts: 10, baseDelayMs: 200, maxDelayMs: 2_000 }

export interface R2Components {
  readonly clock?: Clock
  readonly ids?: IdSource
  /** How requests that are safe to repeat are repeated. */
  readonly retry?: RetryPolicy
  /** Bounds of the manifest; see docs/manifest.md before you change them. */
  readonly limits?: Partial<ManifestLimits>
  /** Told when upkeep of a manifest in the background failed. Default: a process warning, when data is damaged. */
  readonly onUpkeepFailure?: (error: unknown) => void
  /** Around the object store: to count, trace or disturb its calls. */
  readonly decorate?: (objects: ObjectStore) => ObjectStore
}

/**
 * Opens a bucket. Checks first that it can be reached with these credentials and, unless it is Cloudflare's own, that
 * the store honours conditional writes, without which writers would overwrite each other unnoticed.
 *
 * @throws `UNAVAILABLE`, `TIMEOUT`, `UNAUTHENTICATED`, `FORBIDDEN` or `CONFIGURATION` when the bucket cannot be used,
 * `UNSUPPORTED` when it ignores conditions and `singleWriter` is not set.
 */
export async function createR2Backend(
  settings: R2Settings,
  components: R2Components = {},
): Promise<StorageBackend> {
  const { backend } = await openR2(settings, components)
  return backend
}

export interface OpenedR2 extends AssembledR2 {
  /** The bucket itself. The backend's `close` ends its connections. */
  readonly objects: ObjectStore
  readonly retry: RetryContext
}

/** The backend together with the bucket it works on; checks and errors as in {@link createR2Backend}. */
export async function openR2(settings: R2Settings, components: R2Components = {}): Promise<OpenedR2> {
  const client = createS3Client(settings)
  const { clock = systemClock, ids = createIdSource(), retry = DEFAULT_RETRY_POLICY } = components
  const retryContext = { policy: retry, clock, random: ids.random }
  const { bucket, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } = settings
  const store = createR2ObjectStore({ client, bucket, requestTimeoutMs, pieceRetry: retryContext })
  const objects = components.decorate?.(store) ?? store
  try {
    await withRetry(() => assertReachable(store), retryContext)
    if (!isCloudflare(settings.endpoint)) {
      await assertConditions(store, settings, { ...retryContext, policy: PROBE_RETRY_POLICY })
    }
  } catch (error) {
    client.destroy()
    throw error
  }
  const assembled = assembleR2({
    objects,
    cache: createDiskPartCache(settings.cache ?? { directory: DEFAULT_CACHE_DIRECTORY }, { clock, ids }),
    runs: createParquetRunFormat(),
    readFile,
    onUpkeepFailure: components.onUpkeepFailure ?? warnOfDamage,
    ...(components.limits && { limits: components.limits }),
    links: {
      presignDownload: (key, options) => presignDownload({ client, bucket, key }, options),
      presignUpload: (key, options) => presignUpload({ client, bucket, key }, options),
    },
    headIntervalMs: (settings.paced ?? isCloudflare(settings.endpoint)) ? R2_HEAD_INTERVAL_MS : 0,
    multiWriter: settings.singleWriter === true ? { missing: 'singleWriter is set' } : true,
    clock,
    ids,
    retry: retryContext,
    close: async () => client.destroy(),
  })
  return { ...assembled, objects, retry: retryContext }
}

/** An outage is met by every other call as well; damage may be seen by nobody else. */
function warnOfDamage(error: unknown): void {
  if (!hasErrorCode(error, 'CORRUPT', 'INTERNAL')) return
  process.emitWarning(error.message, { type: 'UmbraWarning', code: UPKEEP_WARNING_CODE })
}

/** Jurisdiction endpoints are subdomains: https://developers.cloudflare.com/r2/reference/data-location/ */
function isCloudflare(endpoint: string): boolean {
  return new URL(endpoint).hostname.endsWith('.r2.cloudflarestorage.com')
}

async function assertConditions(
  store: ObjectStore,
  settings: R2Settings,
  retry: RetryContext,
): Promise<void> {
  if (settings.singleWriter === true) return
  const names = createIdSource()
  const report = await withRetry(
    () => probeConditions(store, `manifests.d/probe-${names.next(retry.clock.now())}`, retry),
    retry,
  )
  const failed = Object.entries(report).flatMap(([check, holds]) => (holds ? [] : [check]))
  if (failed.length === 0) return
  throw new UmbraError(
    'UNSUPPORTED',
    `the store ignores conditional writes, so several writers would lose data; use another store, or set singleWriter if only one process ever writes. failed=${failed.join(',')}`,
    { details: { endpoint: settings.endpoint, ...report } },
  )
}
