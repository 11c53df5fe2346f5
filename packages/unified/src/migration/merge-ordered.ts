/** What two ordered sequences hold at one place: one of them, or both. */
export type Pair<T> =
  | { readonly source: T; readonly target: undefined }
  | { readonly source: undefined; readonly target: T }
  | { readonly source: T; readonly target: T }

/** Reads two sequences in the same strict order side by side, each once and no further than needed. */
export async function* mergeOrdered<T>(
  sources: AsyncIterable<T>,
  targets: AsyncIterable<T>,
  compare: (a: T, b: T) => number,
): AsyncGenerator<Pair<T>, void, undefined> {
  const left = sources[Symbol.asyncIterator]()
  const right = targets[Symbol.asyncIterator]()
  try {
    let [source, target] = await Promise.all([left.next(), right.next()])
    while (source.done !== true || target.done !== true) {
      const order = orderOf(source, target, compare)
      if (order < 0 && source.done !== true) {
        yield { source: source.value, target: undefined }
        source = await left.next()
      } else if (order > 0 && target.done !== true) {
        yield { source: undefined, target: target.value }
        target = await right.next()
      } else if (source.done !== true && target.done !== true) {
        yield { source: source.value, target: target.value }
        ;[source, target] = await Promise.all([left.next(), right.next()])
      }
    }
  } finally {
    await Promise.all([left.return?.(), right.return?.()])
  }
}

function orderOf<T>(
  source: IteratorResult<T, unknown>,
  target: IteratorResult<T, unknown>,
  compare: (a: T, b: T) => number,
): number {
  if (source.done === true) return 1
  if (target.done === true) return -1
  return compare(source.value, target.value)
}

/** Hands on what it is given in groups of `size`; the last one may be smaller. */
export async function* inGroups<T>(
  items: AsyncIterable<T>,
  size: number,
): AsyncGenerator<readonly T[], void, undefined> {
  let group: T[] = []
  for await (const item of items) {
    group.push(item)
    if (group.length < size) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
