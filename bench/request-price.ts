import type { Measurement } from './bench-result.ts'
import type { RequestCounts } from './counting-store.ts'

/** Dollars per million requests, standard storage: https://developers.cloudflare.com/r2/pricing/ */
export const CLASS_A_DOLLARS = 4.5
export const CLASS_B_DOLLARS = 0.36

/** What a million records cost if so many took these requests. Neither storage nor the free allowance is counted. */
export function toDollars(
  { classA, classB }: Pick<RequestCounts, 'classA' | 'classB'>,
  records: number,
): Measurement {
  const value = (classA * CLASS_A_DOLLARS + classB * CLASS_B_DOLLARS) / records
  return { name: 'at the published prices of R2', value, unit: '$ per million records' }
}
