/**
 * Every code a caller can see. A code exists only because a caller would act differently on it;
 * the message carries the particulars and is not part of the contract.
 */
export const ERROR_CODES = {
  INVALID_INPUT: { retryable: false, summary: 'the request is wrong; change it' },
  UNAUTHENTICATED: { retryable: false, summary: 'no valid credentials; supply them' },
  FORBIDDEN: { retryable: false, summary: 'the credentials do not allow this' },
  NOT_FOUND: { retryable: false, summary: 'there is no such record, blob or upload' },
  ALREADY_EXISTS: { retryable: false, summary: 'the id is taken; choose another or update the record' },
  PRECONDITION_FAILED: { retryable: false, summary: 'somebody else wrote first; read again, then decide' },
  CONFLICT: { retryable: true, summary: 'too many writers at once; try again' },
  TOO_LARGE: { retryable: false, summary: 'a size limit is exceeded; send less' },
  UNSUPPORTED: { retryable: false, summary: 'this backend cannot do that; the message says which can' },
  CONFIGURATION: {
    retryable: false,
    summary: 'the settings are wrong or incomplete; the message lists them',
  },
  UNAVAILABLE: { retryable: true, summary: 'the backend did not answer; try later' },
  TIMEOUT: { retryable: true, summary: 'the backend did not answer in time; try later' },
  OUTCOME_PENDING: {
    retryable: false,
    summary: 'the write may or may not have been applied; read before repeating it',
  },
  OUTBOX_FULL: { retryable: true, summary: 'too many writes wait for the backend; try later' },
  RATE_LIMITED: { retryable: true, summary: 'too many requests; slow down' },
  CORRUPT: { retryable: false, summary: 'stored data failed its check; run fsck' },
  INTERNAL: { retryable: false, summary: 'a defect in this library; report it' },
} as const satisfies Record<string, { retryable: boolean; summary: string }>

export type ErrorCode = keyof typeof ERROR_CODES
