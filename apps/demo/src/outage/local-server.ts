import { join } from 'node:path'
import type { LocalR2 } from '@umbra/unified/local'
import type { Cleanup } from '../cleanup.ts'

/** A local R2 server that can go away and come back with its data, at the same address. */
export interface LocalServer {
  start(): Promise<LocalR2>
  stop(): Promise<void>
}

const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local-secret' }

export function createLocalServer(folder: string, cleanup: Cleanup): LocalServer {
  let port: number | undefined
  let running: LocalR2 | undefined
  async function stop(): Promise<void> {
    await running?.close()
    running = undefined
  }
  cleanup.defer(stop)
  return {
    async start() {
      const { startLocalR2 } = await import('@umbra/unified/local')
      running = await startLocalR2({
        dir: join(folder, 'r2'),
        credentials: CREDENTIALS,
        ...(port !== undefined && { port }),
      })
      port = Number(new URL(running.endpoint).port)
      return running
    },
    stop,
  }
}
