import { createHmac, timingSafeEqual } from 'node:crypto'
import { UmbraError } from '../errors/umbra-error.ts'

/** What links need where the backend has no presigning of its own. */
export interface LinkSettings {
  /** Signs the links: whoever knows it can read everything. */
  readonly secret: string
  /** Where the HTTP API that serves the links is reached, without a trailing slash. */
  readonly publicUrl: string
}

/** What a signed link allows: reading one revision until a moment. */
export interface LinkGrant {
  /** The revision's key, as in its manifest entry. */
  readonly key: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** Sent as `Content-Disposition: attachment` with this name. */
  readonly downloadAs?: string
  readonly contentType?: string
}

/** `{publicUrl}/v1/links/{token}`, served by the HTTP API. The token holds the grant in the clear and its signature. */
export function signLink(settings: LinkSettings, grant: LinkGrant): string {
  const payload = Buffer.from(
    JSON.stringify([grant.key, grant.expiresAt, grant.downloadAs ?? null, grant.contentType ?? null]),
  ).toString('base64url')
  return `${settings.publicUrl}/v1/links/${payload}.${signature(settings.secret, payload).toString('base64url')}`
}

/**
 * What a link's token allows at this moment.
 *
 * @param nowMs - milliseconds since 1970
 * @throws `FORBIDDEN` when the token is not one that {@link signLink} made with this secret, or has expired.
 */
export function verifyLink(secret: string, token: string, nowMs: number): LinkGrant {
  const [payload = '', signed = ''] = token.split('.')
  const expected = signature(secret, payload)
  const actual = Buffer.from(signed, 'base64url')
  // Re-encoded, because base64 has several spellings of the same bytes.
  const genuine = actual.length === expected.length && timingSafeEqual(actual, expected)
  if (!genuine || `${payload}.${expected.toString('base64url')}` !== token) {
    throw new UmbraError('FORBIDDEN', 'the link is not genuine; ask for a new one')
  }
  const grant = parsePayload(payload)
  if (grant.expiresAt <= nowMs) throw new UmbraError('FORBIDDEN', 'the link has expired; ask for a new one')
  return grant
}

/** The version in the message keeps other uses of the same secret apart. */
function signature(secret: string, payload: string): Buffer {
  return createHmac('sha256', secret).update(`umbra-link-1:${payload}`).digest()
}

function parsePayload(payload: string): LinkGrant {
  // The signature proves that it is ours.
  const fields = JSON.parse(Buffer.from(payload, 'base64url').toString()) as readonly [
    string,
    number,
    string | null,
    string | null,
  ]
  const [key, expiresAt, downloadAs, contentType] = fields
  return {
    key,
    expiresAt,
    ...(downloadAs !== null && { downloadAs }),
    ...(contentType !== null && { contentType }),
  }
}
