import { z } from 'zod'
import { defined } from '../defined.ts'
import { loadRecords } from '../records/load-records.ts'
import { sendPage } from '../responses/send-page.ts'
import { listQuery, toListOptions, toReading } from '../schemas/list-query.ts'
import { recordPage } from '../schemas/record-schemas.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Route } from './route.ts'

export function searchRecords({ storage }: RouteContext): Route {
  return namespaceRoute({
    method: 'get',
    path: '/search',
    operationId: 'searchRecords',
    summary: 'Find records by their text, newest first unless asked otherwise',
    params: {},
    query: {
      q: z.string().min(1).meta({
        description:
          'Words, "phrases", -exclusions and field:value; the last word may be the beginning of one',
        example: 'coffee -decaf',
      }),
      mode: z.enum(['words', 'substring']).optional(),
      ...listQuery,
    },
    headers: {},
    responses: {
      200: { description: 'A page of matches', content: { 'application/json': { schema: recordPage } } },
    },
    async handle({ response, namespace, query: { q, mode, ...query } }) {
      const options = { ...toListOptions(query), ...defined({ mode }) }
      const page = await storage.searchEntries(namespace.module, namespace.userId, q, options)
      await sendPage(response, loadRecords(storage, namespace, page.items, toReading(options)), page)
    },
  })
}
