import process from 'node:process'
import { isUmbraError, parseSettings, verifyLink } from '@umbra/core'
import type { Environment, StorageManager } from '@umbra/core'
import { getStorageManager } from '@umbra/unified'
import { authenticateByApiKey } from './auth/api-keys.ts'
import { authenticateLoopback } from './auth/loopback.ts'
import { createApp } from './create-app.ts'
import { parseApiSettings, processEnvironment } from './env.ts'
import { createLogger } from './logger.ts'
import { createLinkOpener } from './open-signed-link.ts'
import type { LinkOpener } from './routes/links.ts'
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
  const links = linkOpener(storage, environment)
  const app = createApp({ storage, authenticate, logger, limits, ...(links && { links }) })
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

/** Serves the download links of a backend that has no presigning of its own, when there is a secret to sign them with. */
function linkOpener(storage: StorageManager, environment: Environment): LinkOpener | undefined {
  const { links } = parseSettings(environment).sqlite ?? {}
  return links && createLinkOpener(storage, (token) => verifyLink(links.secret, token, Date.now()))
}

main().catch((error: unknown) => {
  const shown = isUmbraError(error) ? `${error.code}: ${error.message}` : String(error)
  process.stderr.write(`cannot start. ${shown}\n`)
  process.exitCode = 1
})
