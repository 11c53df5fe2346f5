import { createMemoryBody } from '@umbra/core'
import type { Namespace, PutMutation } from '@umbra/core'

/** The creation of a record, as the manager hands it to a backend. */
export function putOf({ module, userId }: Namespace, id: string): PutMutation {
  const body = createMemoryBody(new TextEncoder().encode('1'))
  const draft = {
    id,
    module,
    user_id: userId,
    timestamp: '2026-01-01T00:00:00.000Z',
    data_type: 'json' as const,
    size: body.size,
    metadata: {},
    sha256: body.sha256,
    record_count: null,
    text: '',
  }
  return { kind: 'put', draft, body, expect: { kind: 'absent' } }
}
