/**
 * Maps in order with up to `width` calls running, and takes from the source only what they need. When one fails or the
 * consumer stops, the running ones are waited for first, so that whatever they hold can be freed.
 */
export async function* mapAhead<In, Out>(
  source: AsyncIterable<In>,
  width: number,
  map: (value: In) => Promise<Out>,
): AsyncGenerator<Out, void, undefined> {
  const running: Promise<Out>[] = []
  const start = (value: In) => {
    const result = map(value)
    // Reported when its turn comes, perhaps later than it happened.
    result.catch(() => undefined)
    running.push(result)
  }
  try {
    for await (const value of source) {
      start(value)
      const first = running.length >= width ? running.shift() : undefined
      if (first !== undefined) yield await first
    }
    for (let first = running.shift(); first !== undefined; first = running.shift()) yield await first
  } finally {
    await Promise.allSettled(running)
  }
}
