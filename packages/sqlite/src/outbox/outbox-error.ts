import { ERROR_CODES, hasErrorCode, UmbraError } from '@umbra/core'
import type { ErrorCode } from '@umbra/core'

/** Errors are kept as their code, message and details: causes may hold anything. */
export function toErrorJson(error: UmbraError): string {
  const { code, message, details } = error
  return JSON.stringify({ code, message, details })
}

/** The inverse of {@link toErrorJson}; what cannot be read is a defect of the file. */
export function fromErrorJson(text: string | null): UmbraError {
  const parsed = parseJson(text)
  if (typeof parsed !== 'object' || parsed === null || !('code' in parsed) || !isCode(parsed.code))
    return new UmbraError('CORRUPT', 'the outbox does not say why the operation was refused')
  const message = 'message' in parsed && typeof parsed.message === 'string' ? parsed.message : parsed.code
  const details = 'details' in parsed && isDetails(parsed.details) ? parsed.details : {}
  return new UmbraError(parsed.code, message, { details })
}

export function outboxFull(details: { readonly bytes: number; readonly maxBytes: number }): UmbraError {
  return new UmbraError(
    'OUTBOX_FULL',
    `too much waits for the store, so the write was not accepted; try later, or raise the outbox limit. waiting_bytes=${details.bytes} limit_bytes=${details.maxBytes}`,
    { details },
  )
}

export function largerThanOutbox(details: { readonly bytes: number; readonly maxBytes: number }): UmbraError {
  return new UmbraError(
    'TOO_LARGE',
    `the write is larger than everything the outbox may hold; send less, or raise its limit. bytes=${details.bytes} limit_bytes=${details.maxBytes}`,
    { details: { bytes: details.bytes, limit: details.maxBytes } },
  )
}

/** A full disk is a full outbox to the caller; everything else is what it is. */
export function asOutboxError(error: unknown): unknown {
  if (!hasErrorCode(error, 'UNAVAILABLE') || error.details['sqliteCode'] !== 'SQLITE_FULL') return error
  return new UmbraError(
    'OUTBOX_FULL',
    'the disk of the outbox is full, so the write was not accepted; make room and try again',
    { cause: error, details: { reason: 'disk-full' } },
  )
}

/** To a reader: sent meanwhile. To whoever sends: it can never be sent, for nobody else removes what is not decided. */
export function bodyGone(): UmbraError {
  return new UmbraError('CONFLICT', 'the content is not in the outbox any more; read the record again', {
    details: { reason: 'outbox-body' },
  })
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null')
  } catch {
    return null
  }
}

function isCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value)
}

function isDetails(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
