import { isUmbraError, UmbraError } from '../errors/umbra-error.ts'
import { namespacePath } from '../keys/key-paths.ts'
import type { StorageRecord } from '../records/storage-record.ts'
import type { EncodedRecord } from './encode-record.ts'
import type { ParsedStoreRequest } from './input-schemas.ts'
import type { RecordWriter } from './record-writer.ts'
import { toRecordInfo } from './to-record-info.ts'

interface Prepared {
  readonly index: number
  readonly request: ParsedStoreRequest
  readonly encoded: EncodedRecord
}

/**
 * Encodes every request before anything is written, so bad input leaves no partial state; then one commit for each
 * namespace. Records come back in the order of the requests.
 */
export async function storeEncoded(
  writer: RecordWriter,
  requests: readonly ParsedStoreRequest[],
): Promise<StorageRecord[]> {
  const prepared: Prepared[] = []
  try {
    for (const [index, request] of requests.entries()) {
      prepared.push({
        index,
        request,
        encoded: await encodeNamed(writer, request, { index, count: requests.length }),
      })
    }
    assertDistinctIds(prepared)
    const groups = [...groupByNamespace(prepared).values()]
    // All of them, even when one fails: the bodies are in use until then.
    const stored = await Promise.allSettled(groups.map((group) => storeGroup(writer, group)))
    const records = new Map(stored.flatMap(fulfilled))
    return prepared.map(({ index, request }) => ({ ...present(records.get(index)), data: request.data }))
  } finally {
    await Promise.all(prepared.map(({ encoded }) => encoded.body.dispose()))
  }
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

function assertDistinctIds(prepared: readonly Prepared[]): void {
  const seen = new Set<string>()
  for (const { index, request, encoded } of prepared) {
    const address = JSON.stringify([request.module, request.userId, encoded.draft.id])
    if (seen.has(address)) {
      throw new UmbraError(
        'INVALID_INPUT',
        `requests[${index}].id: the same id occurs twice. id=${encoded.draft.id}`,
        {
          details: { field: `requests[${index}].id`, index },
        },
      )
    }
    seen.add(address)
  }
}

function groupByNamespace(prepared: readonly Prepared[]): Map<string, Prepared[]> {
  const groups = new Map<string, Prepared[]>()
  for (const one of prepared) {
    const path = namespacePath(one.request)
    const group = groups.get(path)
    if (group === undefined) groups.set(path, [one])
    else group.push(one)
  }
  return groups
}

async function storeGroup(
  writer: RecordWriter,
  group: readonly Prepared[],
): Promise<(readonly [number, ReturnType<typeof toRecordInfo>])[]> {
  const [first] = group
  if (first === undefined) return []
  const stored = await writer.create(
    { module: first.request.module, userId: first.request.userId },
    group.map(({ encoded }) => encoded),
  )
  return group.map(({ index }, place) => [index, toRecordInfo(present(stored[place]))] as const)
}

function fulfilled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new UmbraError('INTERNAL', 'a stored record is missing from the result')
  return value
}
