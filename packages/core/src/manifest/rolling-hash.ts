import { createHash } from 'node:crypto'

/** h(n) = first 16 hex digits of SHA-256(h(n-1) opId). */
export function rollHash(before: string, opId: string): string {
  return createHash('sha256').update(before).update(opId).digest('hex').slice(0, 16)
}
