/** Starts now; every call of the result gives the milliseconds since. */
export function startStopwatch(): () => number {
  const startedAt = performance.now()
  return () => performance.now() - startedAt
}
