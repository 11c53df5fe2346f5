import type { OpenedRecord } from '@umbra/core'
import { z } from 'zod'
import { HttpError } from '../http-error.ts'
import { sendAsBytes } from '../responses/send-record.ts'
import { problems } from '../schemas/problem-schema.ts'
import { openRoute } from './route.ts'
import type { Route } from './route.ts'

/** Where signed links lead when the storage has no server of its own. */
export interface LinkOpener {
  /** Null when what the link was made for is gone. Rejects with `FORBIDDEN` when the link is not genuine or has expired. */
  open(token: string): Promise<(OpenedRecord & { readonly downloadAs?: string }) | null>
}

export function openLink(links: LinkOpener): Route {
  return openRoute({
    method: 'get',
    path: '/v1/links/{token}',
    operationId: 'openLink',
    summary: 'Download what a signed link was made for',
    params: { token: z.string() },
    responses: {
      200: { description: 'The bytes', content: { '*/*': { schema: { type: 'string', format: 'binary' } } } },
      ...problems(403, 404),
    },
    async handle({ request, response }) {
      const opened = await links.open(String(request.params['token']))
      if (opened === null)
        throw new HttpError('NOT_FOUND', 'what the link leads to is gone; ask for a new one')
      // Who holds the link may read it, caches on the way may not.
      response.set('cache-control', 'private, no-store')
      await sendAsBytes({ request, response }, opened, { downloadAs: opened.downloadAs })
    },
  })
}
