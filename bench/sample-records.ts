/** A JSON document of about 1 KiB, different for every `n`, as an application would store it. */
export function sampleRecord(n: number) {
  return {
    n,
    customer: `customer-${n % 997}`,
    title: `Invoice ${n} for services in month ${n % 12}`,
    amount: (n * 7919) % 100_000,
    lines: Array.from({ length: 8 }, (_, line) => ({
      sku: `SKU-${(n * 31 + line) % 5_000}`,
      text: `item ${line} of invoice ${n}, delivered and accepted`,
      price: ((n + line) * 104_729) % 10_000,
    })),
  }
}
