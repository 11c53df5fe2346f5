import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { UmbraError } from '@umbra/core'
import type { Miniflare, MiniflareOptions } from 'miniflare'
import type { R2Settings } from '../r2-settings.ts'
import { createOrphanGuard } from './orphan-guard.ts'

export interface LocalR2Options {
  /** Default: any free port. */
  readonly port?: number
  /** Where the objects are kept. Default: a temporary folder, removed by `close`. */
  readonly dir?: string
  /** Default `umbra`. */
  readonly bucket?: string
  /** Default: random, different on each start. */
  readonly credentials?: Pick<R2Settings, 'accessKeyId' | 'secretAccessKey'>
}

export interface LocalR2 {
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** The four above, as the library takes them. */
  readonly settings: R2Settings
  /** Ends the server. Safe to call twice. */
  readonly close: () => Promise<void>
}

/** Where miniflare serves the S3 API. */
const S3_PATH = 'cdn-cgi/local/r2/s3'

/**
 * Starts an R2-compatible server on 127.0.0.1, for development and tests: Cloudflare's own simulator, which needs no
 * network and no account, says nothing on the terminal and does not outlive this process.
 *
 * @throws `CONFIGURATION` when miniflare is not installed or the port is taken.
 */
export async function startLocalR2(options: LocalR2Options = {}): Promise<LocalR2> {
  const { Miniflare } = await loadMiniflare()
  const temporaryFolder = options.dir === undefined ? await mkdtemp(join(tmpdir(), 'umbra-r2-')) : undefined
  const dir = options.dir ?? temporaryFolder ?? ''
  await mkdir(dir, { recursive: true })
  const bucket = options.bucket ?? 'umbra'
  const credentials = options.credentials ?? randomCredentials()
  const guard = createOrphanGuard(temporaryFolder)
  let server: Miniflare | undefined
  const close = once(async () => {
    guard.release()
    try {
      await server?.dispose()
    } finally {
      if (temporaryFolder !== undefined) await rm(temporaryFolder, { recursive: true, force: true })
    }
  })
  try {
    server = guard.watch(
      () => new Miniflare(serverOptions({ port: options.port ?? 0, dir, bucket, credentials })),
    )
    const endpoint = new URL(S3_PATH, await server.ready).href
    guard.watched()
    return { endpoint, bucket, ...credentials, settings: { endpoint, bucket, ...credentials }, close }
  } catch (cause) {
    // A server that did not start rejects once more when it is closed; `cause` already says why.
    await close().catch(() => {})
    const message = `the local server did not start; is the port taken? port=${options.port ?? 'any'}`
    throw new UmbraError('CONFIGURATION', message, { cause })
  }
}

interface ServerConfig {
  readonly port: number
  readonly dir: string
  readonly bucket: string
  readonly credentials: Pick<R2Settings, 'accessKeyId' | 'secretAccessKey'>
}

function serverOptions({ port, dir, bucket, credentials }: ServerConfig): MiniflareOptions {
  return {
    host: '127.0.0.1',
    port,
    modules: true,
    script: 'export default { fetch() { return new Response("R2 for development") } }',
    compatibilityDate: '2025-09-01',
    // Off: it would ask the network for sample request properties.
    cf: false,
    r2Persist: dir,
    r2Buckets: { BUCKET: { id: bucket, s3Credentials: { ...credentials } } },
    // Read and dropped: unread output would in time block the server.
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      stdout.resume()
      stderr.resume()
    },
  }
}

async function loadMiniflare(): Promise<{ Miniflare: typeof Miniflare }> {
  try {
    return await import('miniflare')
  } catch (cause) {
    const message = 'the local server needs miniflare; run npm install --save-dev miniflare@4.20260730.0'
    throw new UmbraError('CONFIGURATION', message, { cause })
  }
}

function randomCredentials(): Pick<R2Settings, 'accessKeyId' | 'secretAccessKey'> {
  return { accessKeyId: randomBytes(16).toString('hex'), secretAccessKey: randomBytes(32).toString('hex') }
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= run())
}
