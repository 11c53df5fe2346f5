import { UmbraError } from '@umbra/core'

/**
 * Part of a row of a damaged file. What it is about can be asked; whoever needs the rest, as the store does to take it, finds it gone. The
 * row is not in the way of others until then, and a store that has it already does not ask.
 */
export function unreadable<T extends object>(known: Partial<T>, id: string): T {
  const proxy = new Proxy(known, {
    get(target, name) {
      if (name in target || typeof name === 'symbol') return Reflect.get(target, name)
      throw rowDamaged(id)
    },
    ownKeys() {
      throw rowDamaged(id)
    },
  })
  // Every property that is not there throws.
  return proxy as T
}

function rowDamaged(id: string): UmbraError {
  return new UmbraError(
    'CORRUPT',
    `what the outbox file says of this write is damaged and cannot be sent; store the record again, then discard this. id=${id}`,
    { details: { reason: 'outbox-row', id } },
  )
}
