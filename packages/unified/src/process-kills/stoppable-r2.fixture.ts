import { join } from 'node:path'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'

const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local-secret' }

/** A server that can be stopped, and started again with what it had, under the same address. */
export interface StoppableR2 {
  readonly server: LocalR2
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startStoppableR2(folder: string): Promise<StoppableR2> {
  const start = (port?: number) =>
    startLocalR2({ dir: join(folder, 'r2'), credentials: CREDENTIALS, ...(port !== undefined && { port }) })
  let running = await start()
  const server = running
  const port = Number(new URL(server.endpoint).port)
  return {
    server,
    stop: () => running.close(),
    start: async () => {
      running = await start(port)
    },
  }
}
