import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { OutboxSettings } from '@umbra/sqlite'
import { createOutboxBackend } from './outbox-backend.ts'
import type { OutboxPolicy } from './outbox-policy.ts'
import type { FakeStore } from './fake-store.fixture.ts'

/** Short enough that a test need not wait, and never so short that a step is left out. */
export const QUICK: Partial<OutboxPolicy> = {
  recoveryJitterMs: 0,
  breakMs: 2,
  maxBreakMs: 8,
  pausedRetryMs: 5,
}

export async function openBehindOutbox(
  store: FakeStore,
  path: string,
  options: {
    readonly policy?: Partial<OutboxPolicy>
    readonly limits?: Partial<OutboxSettings>
    readonly link?: { readonly isCut: boolean }
  } = {},
): Promise<StorageManager> {
  const outbox = await openOutbox({ path, ...options.limits })
  const policy = { ...QUICK, ...options.policy }
  return manageBackend(createOutboxBackend({ primary: store.client(options.link), outbox, policy }))
}
