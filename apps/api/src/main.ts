import process from 'node:process'
import { isUmbraError } from '@umbra/core'
import { getStorageManager } from '@umbra/unified'
import { authenticateByApiKey } from './auth/api-keys.ts'
import { authenticateLoopback } from './auth/loopback.ts'
import { createApp } from './create-app.ts'
import { parseApiSettings, processEnvironment } from './env.ts'
import { createLogger } from './logger.ts'
import { startServer } from './start-server.ts'
import { stopOnSignal } from './stop-on-signal.ts'

async function main(): Promise<void> {
  const environment = processEnvironment()
  const settings = parseApiSettings(environment)
  const { host, port, access, limits, shutdownTimeoutMs } = settings
  const logger = createLogger(settings.logLevel)
  // A server that was told to use R2 must not start without it.
  const storage = await getStorageManager({ env: environment, fallback: 'none' })
  const authenticate = access === 'loopback' ? authenticateLoopback : authenticateByApiKey(access)
  const app = createApp({ storage, authenticate, logger, limits })
  const server = await startServer(app, { host, port, requestTimeoutMs: limits.requestTimeoutMs }).catch(
    async (error: unknown) => {
      await storage.close()
      throw error
    },
  )
  const { backend } = await storage.getStorageInfo()
  logger.info(
    { url: server.url, backend, access: access === 'loopback' ? 'loopback' : 'api keys' },
    'listening',
  )
  stopOnSignal(process, async (signal) => {
    logger.info({ signal }, 'stopping')
    const inTime = await server.drain(shutdownTimeoutMs)
    await storage.close()
    if (inTime) logger.info('stopped')
    else logger.error({ shutdownTimeoutMs }, 'stopped before every request was answered')
    return inTime ? 0 : 1
  })
}

main().catch((error: unknown) => {
  const shown = isUmbraError(error) ? `${error.code}: ${error.message}` : String(error)
  process.stderr.write(`cannot start. ${shown}\n`)
  process.exitCode = 1
})
