import { createMemoryBody } from '@umbra/core'
import type { DeleteMutation, EntryDraft, ManifestEntry, Namespace, PutMutation } from '@umbra/core'
import { recordEtag } from '@umbra/core'

export const NAMESPACE: Namespace = { module: 'finance', userId: 'user123' }

/** A new record with the given id and body. */
export function creation(id: string, content = id, draft: Partial<EntryDraft> = {}): PutMutation {
  const body = createMemoryBody(Buffer.from(content))
  return {
    kind: 'put',
    body,
    expect: { kind: 'absent' },
    draft: {
      id,
      module: NAMESPACE.module,
      user_id: NAMESPACE.userId,
      timestamp: '2026-01-02T03:04:05.678Z',
      data_type: 'json',
      size: body.size,
      metadata: {},
      sha256: body.sha256,
      record_count: null,
      text: id,
      ...draft,
    },
  }
}

export function replacement(current: ManifestEntry, content: string): PutMutation {
  const expect = { kind: 'etag', etag: recordEtag(current) } as const
  const { timestamp } = current
  return { ...creation(current.id, content, { timestamp, updated_at: '2026-02-03T00:00:00.000Z' }), expect }
}

export function deletion(current: ManifestEntry): DeleteMutation {
  return {
    kind: 'delete',
    id: current.id,
    at: '2026-03-04T00:00:00.000Z',
    expect: { kind: 'etag', etag: recordEtag(current) },
  }
}
