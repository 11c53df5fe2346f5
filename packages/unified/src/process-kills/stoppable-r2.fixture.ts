import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { hasErrorCode } from '@umbra/core'
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
  const start = (port: number) => startLocalR2({ dir: join(folder, 'r2'), credentials: CREDENTIALS, port })
  let running = await startAnywhere(start)
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

/** On a port that no system gives to a connection or to port 0, so that it is still free after a stop. */
async function startAnywhere(start: (port: number) => Promise<LocalR2>): Promise<LocalR2> {
  for (let tries = 1; ; tries++) {
    try {
      return await start(randomInt(20_000, 32_768))
    } catch (error) {
      if (tries === 5 || !hasErrorCode(error, 'CONFIGURATION')) throw error
    }
  }
}
