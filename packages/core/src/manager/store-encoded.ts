import { isUmbraError, UmbraError } from '../errors/umbra-error.ts'
import type { StorageRecord } from '../records/storage-record.ts'
import type { EncodedRecord } from './encode-record.ts'
import type { ParsedStoreRequest } from './input-schemas.ts'
import type { RecordWriter } from './record-writer.ts'
import { toRecordInfo } from './to-record-info.ts'

/**
 * Encodes every request before anything is written, so bad input leaves no partial state; then one commit. Records come
 * back in the order of the requests.
 */
export async function storeEncoded(
  writer: RecordWriter,
  requests: readonly ParsedStoreRequest[],
): Promise<StorageRecord[]> {
  const [first] = requests
  if (first === undefined) return []
  assertOneNamespace(first, requests)
  const encoded: EncodedRecord[] = []
  try {
    for (const [index, request] of requests.entries()) {
      encoded.push(await encodeNamed(writer, request, { index, count: requests.length }))
    }
    assertDistinctIds(encoded)
    const stored = await writer.create({ module: first.module, userId: first.userId }, encoded)
    return requests.map((request, index) => ({ ...toRecordInfo(present(stored[index])), data: request.data }))
  } finally {
    // The outcome stands whether or not a temporary file can be removed.
    await Promise.allSettled(encoded.map(({ body }) => body.dispose()))
  }
}

/** A commit is atomic within a namespace only, and half a batch could not be reported honestly. */
function assertOneNamespace(first: ParsedStoreRequest, requests: readonly ParsedStoreRequest[]): void {
  const other = requests.findIndex(({ module, userId }) => module !== first.module || userId !== first.userId)
  if (other === -1) return
  const field = `requests[${other}]`
  throw new UmbraError(
    'INVALID_INPUT',
    `${field} is for another module or user; call storeMany once for each`,
    {
      details: { field, index: other },
    },
  )
}

async function encodeNamed(
  writer: RecordWriter,
  request: ParsedStoreRequest,
  place: { readonly index: number; readonly count: number },
): Promise<EncodedRecord> {
  try {
    return await writer.encode(request)
  } catch (error) {
    if (place.count === 1 || !isUmbraError(error)) throw error
    throw new UmbraError(error.code, `requests[${place.index}]: ${error.message}`, {
      cause: error,
      details: { ...error.details, index: place.index },
    })
  }
}

function assertDistinctIds(encoded: readonly EncodedRecord[]): void {
  const seen = new Set<string>()
  for (const [index, { draft }] of encoded.entries()) {
    const field = `requests[${index}].id`
    if (seen.has(draft.id)) {
      throw new UmbraError('INVALID_INPUT', `${field}: the same id occurs twice. id=${draft.id}`, {
        details: { field, index },
      })
    }
    seen.add(draft.id)
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new UmbraError('INTERNAL', 'a stored record is missing from the result')
  return value
}
