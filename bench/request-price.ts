import { priceOperations } from '../packages/unified/src/migration/r2-prices.ts'
import type { Measurement } from './bench-result.ts'
import type { RequestCounts } from './counting-store.ts'

/** What a million records cost if so many took these requests. Neither storage nor the free allowance is counted. */
export function toDollars(counts: Pick<RequestCounts, 'classA' | 'classB'>, records: number): Measurement {
  const value = (priceOperations(counts) / records) * 1_000_000
  return { name: 'at the published prices of R2', value, unit: '$ per million records' }
}
