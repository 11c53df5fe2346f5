import type { ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import type { ObjectStore } from '@umbra/core'
import { openStore } from './r2-store.fixture.ts'
import { startScriptedServer } from './scripted-server.fixture.ts'
import type { ScriptedServer, SeenRequest } from './scripted-server.fixture.ts'

export type Answer = (request: SeenRequest, response: ServerResponse) => void

/** A store over a server that answers as told; both end with the test. */
export async function openScripted(
  answer: Answer,
  requestTimeoutMs = 5_000,
): Promise<{ server: ScriptedServer; store: ObjectStore }> {
  const server = await startScriptedServer(answer)
  onTestFinished(() => server.close())
  const { store, close } = openStore({ ...server.settings, requestTimeoutMs })
  onTestFinished(close)
  return { server, store }
}

/** The headers every answer about an object has. */
export function writeObjectHead(response: ServerResponse, contentLength: number): void {
  response.writeHead(200, {
    etag: '"e1"',
    'content-length': contentLength,
    'last-modified': 'Tue, 24 Nov 2026 00:00:00 GMT',
    date: 'Tue, 24 Nov 2026 00:00:07 GMT',
  })
}
