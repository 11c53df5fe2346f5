import type { StorageBackend } from '@umbra/core'
import { createOutboxBackend } from '../outbox/outbox-backend.ts'
import type { OutboxParts } from '../outbox/outbox-backend.ts'
import { createCopyBacklog } from './copy-backlog.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { createMirroredBackend } from './mirrored-backend.ts'
import { withCopiesAwaited } from './with-copies-awaited.ts'
import { withCopiesRead } from './with-copies-read.ts'

/**
 * R2 with its copies in SQLite, behind an outbox: while the primary cannot be reached, writes are kept as pending, and reads come from the
 * secondary with what is pending laid over them, and say so. See docs/decisions/015. Owns and closes all parts.
 */
export function createHybridWithOutbox({
  primary,
  secondary,
  ...rest
}: HybridParts & OutboxParts): StorageBackend {
  const backlog = createCopyBacklog()
  const mirrored = createMirroredBackend({ primary, secondary }, backlog)
  const sent = { ...mirrored, blobs: withCopiesAwaited(mirrored.blobs, backlog) }
  return withCopiesRead(createOutboxBackend({ ...rest, primary: sent, sharesLastSeen: true }), secondary)
}
