import type { StorageBackend } from '@umbra/core'

/** The same backend, of which a test may replace members by a spread, and those of its blobs: a class has its methods from its prototype, where that does not find them. */
export function plainBackend(backend: StorageBackend): StorageBackend {
  return { ...plain(backend), blobs: plain(backend.blobs) }
}

function plain<T extends object>(whole: T): T {
  const members = Array.from(namesOf(whole), (name) => {
    const member: unknown = Reflect.get(whole, name)
    return [name, typeof member === 'function' ? member.bind(whole) : member] as const
  })
  return Object.fromEntries(members) as unknown as T
}

function namesOf(whole: object): ReadonlySet<string> {
  const names = new Set<string>()
  for (let from = whole; from !== Object.prototype; from = Object.getPrototypeOf(from) as object)
    for (const name of Object.getOwnPropertyNames(from)) names.add(name)
  names.delete('constructor')
  return names
}
