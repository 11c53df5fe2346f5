import { S3Client } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { makeRequestsLean } from './lean-requests.ts'
import { DEFAULT_CONNECT_TIMEOUT_MS, DEFAULT_REGION, DEFAULT_REQUEST_TIMEOUT_MS } from '../r2-settings.ts'
import type { R2Settings } from '../r2-settings.ts'

/**
 * Four times the 64 requests a busy process keeps in flight. The connect timeout also runs while a request waits
 * for a free socket, so a pool as small as the load would turn a short queue into connection failures.
 */
const MAX_SOCKETS = 256

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** The one place that builds the S3 client, so that every request follows the same rules. Close it with `destroy()`. */
export function createS3Client(settings: R2Settings): S3Client {
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: MAX_SOCKETS }
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: settings.region ?? DEFAULT_REGION,
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    forcePathStyle: true,
    // A conditional write is not safe to repeat blindly, so retries are decided above, where the outcome is known.
    maxAttempts: 1,
    // Off means no `x-amz-checksum-*` and no aws-chunked bodies, which S3-compatible stores refuse or misread, and
    // no check of the checksum headers R2 puts on 304 answers. Bodies are verified by SHA-256 instead.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // R2 does not answer `100 Continue`; the client would stall for seconds.
    expectContinueHeader: false,
    // Said here so that neither the environment nor ~/.aws can redirect requests or change how they are retried.
    retryMode: 'standard',
    defaultsMode: 'standard',
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    logger: silent,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: settings.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      requestTimeout: settings.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
      logger: silent,
    }),
  })
  makeRequestsLean(client)
  return client
}
