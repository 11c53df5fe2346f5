import type { ListOptions, Namespace, StorageManager } from '@umbra/core'
import { loadRecords } from '../records/load-records.ts'
import type { ListedRecord } from '../records/load-records.ts'
import { sendLines, sendPage } from '../responses/send-page.ts'
import { listQuery, toListOptions, toReading } from '../schemas/list-query.ts'
import { recordPage } from '../schemas/record-schemas.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Route } from './route.ts'

const NDJSON = 'application/x-ndjson'

export function listRecords({ storage }: RouteContext): Route {
  return namespaceRoute({
    method: 'get',
    path: '/records',
    operationId: 'listRecords',
    summary: 'List records, oldest first unless asked otherwise',
    description: `With Accept: ${NDJSON} all records are streamed, one a line; limit is then the size of the inner pages.`,
    params: {},
    query: listQuery,
    headers: {},
    responses: {
      200: {
        description: 'A page, or all records as lines',
        content: {
          'application/json': { schema: recordPage },
          [NDJSON]: { schema: { type: 'string', description: 'One Record a line' } },
        },
      },
    },
    async handle({ request, response, namespace, query }) {
      const options = toListOptions(query)
      response.vary('accept')
      if (request.accepts(['application/json', NDJSON]) === NDJSON) {
        await sendLines(response, allRecords(storage, namespace, options))
        return
      }
      const page = await storage.listEntries(namespace.module, namespace.userId, options)
      await sendPage(response, loadRecords(storage, namespace, page.items, toReading(options)), page)
    },
  })
}

async function* allRecords(
  storage: StorageManager,
  namespace: Namespace,
  options: ListOptions,
): AsyncGenerator<ListedRecord, void, undefined> {
  let { cursor } = options
  do {
    const paged = cursor === undefined ? options : { ...options, cursor }
    const page = await storage.listEntries(namespace.module, namespace.userId, paged)
    yield* loadRecords(storage, namespace, page.items, toReading(options))
    cursor = page.cursor
  } while (cursor !== undefined)
}
