import { isRecordEtag, recordNotFound } from '@umbra/core'
import { z } from 'zod'
import { defined } from '../defined.ts'
import { chooseVersion } from '../headers/choose-version.ts'
import { recordId } from '../schemas/names.ts'
import { problems } from '../schemas/problem-schema.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Route } from './route.ts'

export function deleteRecord({ storage }: RouteContext): Route {
  return namespaceRoute({
    method: 'delete',
    path: '/records/{id}',
    operationId: 'deleteRecord',
    summary: 'Delete a record',
    params: { id: recordId },
    query: {},
    headers: { 'if-match': z.string().optional().meta({ description: 'Delete only this version' }) },
    responses: { 204: { description: 'Deleted' }, ...problems(404, 412) },
    async handle({ response, namespace, params: { id }, headers }) {
      const ifMatch = await chooseVersion(headers['if-match'] ?? '*', {
        isEtag: isRecordEtag,
        current: async () =>
          (await storage.retrieveInfo(namespace.module, namespace.userId, id))?.etag ?? null,
      })
      const { module, userId } = namespace
      if (!(await storage.deleteData(module, userId, id, defined({ ifMatch })))) throw recordNotFound(id)
      response.status(204).end()
    },
  })
}
