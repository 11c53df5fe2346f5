import type { PutMutation } from '../backend/mutation.ts'
import type { StorageBackend } from '../backend/storage-backend.ts'
import { isUmbraError, UmbraError } from '../errors/umbra-error.ts'
import type { Namespace } from '../records/namespace.ts'
import { importInBatches } from './import-in-batches.ts'
import { storeRequestSchema } from './input-schemas.ts'
import { parseInput } from './parse-input.ts'
import type { RecordWriter } from './record-writer.ts'
import type { ImportReport, ImportRequest } from './store-options.ts'

interface Import {
  readonly backend: StorageBackend
  readonly writer: RecordWriter
  readonly namespace: Namespace
  readonly onProgress: ((progress: ImportReport) => void) | undefined
}

type Requests = Iterable<ImportRequest> | AsyncIterable<ImportRequest>

/** Stores requests as they come, by the backend's own way or else by commits of many. */
export async function importRecords(
  { backend, writer, namespace, onProgress }: Import,
  requests: Requests,
): Promise<ImportReport> {
  let committed = 0
  const note = (count: number) => {
    committed = count
    onProgress?.({ committed })
  }
  try {
    const records = encodeAll(writer, namespace, requests)
    await (backend.bulk?.importRecords(namespace, records, note) ??
      importInBatches(backend, namespace, { records, note }))
    return { committed }
  } catch (error) {
    if (!isUmbraError(error)) throw error
    throw new UmbraError(error.code, error.message, {
      cause: error,
      details: { ...error.details, committed },
    })
  }
}

async function* encodeAll(
  writer: RecordWriter,
  namespace: Namespace,
  requests: Requests,
): AsyncGenerator<PutMutation, void, undefined> {
  assertIterable(requests)
  let index = 0
  for await (const request of requests) {
    yield {
      kind: 'put',
      ...(await encodeOne(writer, namespace, { request, index })),
      expect: { kind: 'absent' },
    }
    index++
  }
}

async function encodeOne(
  writer: RecordWriter,
  namespace: Namespace,
  { request, index }: { readonly request: ImportRequest; readonly index: number },
) {
  try {
    const parsed = parseInput(storeRequestSchema, { ...namespace, ...request })
    if (parsed.module !== namespace.module || parsed.userId !== namespace.userId) {
      throw new UmbraError('INVALID_INPUT', 'it is for another module or user; import each by itself')
    }
    return await writer.encode(parsed)
  } catch (error) {
    if (!isUmbraError(error)) throw error
    const details = { ...error.details, index }
    throw new UmbraError(error.code, `requests[${index}]: ${error.message}`, { cause: error, details })
  }
}

function assertIterable(requests: unknown): void {
  const isIterable =
    typeof requests === 'object' &&
    requests !== null &&
    (Symbol.iterator in requests || Symbol.asyncIterator in requests)
  if (isIterable) return
  throw new UmbraError('INVALID_INPUT', 'requests must be an (async) iterable of records', {
    details: { field: 'requests' },
  })
}
