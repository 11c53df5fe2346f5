import type { OperationCounts } from './count-operations.ts'

/** Dollars, without the monthly free tier: https://developers.cloudflare.com/r2/pricing/ (read 2026-11-25) */
export const R2_PRICES = {
  perMillionClassA: 4.5,
  perMillionClassB: 0.36,
  perGigabyteMonth: 0.015,
} as const

export function priceOperations({ classA, classB }: OperationCounts): number {
  return (classA * R2_PRICES.perMillionClassA + classB * R2_PRICES.perMillionClassB) / 1_000_000
}

/** Of keeping this many bytes for a month. R2 counts decimal gigabytes. */
export function priceStorage(bytes: number): number {
  return (bytes / 1_000_000_000) * R2_PRICES.perGigabyteMonth
}
